// `node client.cjs NAME PORT EVENTS` reads 2 x EVENTS events from a manager on loopback with one of the clients, and
// prints the CPU seconds of the second half: the compiler has warmed up by then. The stream begins at its Ping.
const [name, port, text] = process.argv.slice(2);
const events = Number(text);
let seen = 0;
let began;

function count() {
  seen += 1;
  if (seen === events) began = process.cpuUsage();
  if (seen < 2 * events) return;
  // Time in the kernel is the socket's: the ways in Python are fed from memory.
  process.stdout.write(`${process.cpuUsage(began).user / 1e6}\n`, () => process.exit());
}

const clients = {
  "ami-io": () => {
    const { Action, SilentLogger, createClient } = require("ami-io");
    const logger = new SilentLogger();
    const client = createClient({ port, login: "bench", password: "bench", encoding: "utf8", logger });
    client.on("event", count);
    client.on("connected", () => client.send(new Action.Ping(), () => {}));
    client.connect();
  },
  "asterisk-manager": () => {
    const manager = require("asterisk-manager")(port, "127.0.0.1", "bench", "bench", true);
    manager.on("managerevent", count);
    manager.action({ action: "Ping" });
  },
  "asterisk-ami-client": async () => {
    const Client = require("asterisk-ami-client");
    const client = new Client();
    client.on("event", count);
    await client.connect("bench", "bench", { host: "127.0.0.1", port });
    client.action({ Action: "Ping" });
  },
};
clients[name]();
