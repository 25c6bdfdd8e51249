// A line under the header while the telephone system does not see the agent's phone: no call can ring there.
import { h, icon, setText } from "./dom.js";
import { t, tn } from "./words.js";

let line = null;

export function tellReachable(reachable, extensions) {
  if (reachable || !extensions.length) {
    line?.remove();
    line = null;
    return;
  }
  const text = tn("Your phone {phones} is not connected to the telephone system: no call can reach you. Check its cable and network, or sit at another phone.",
    "Your phones {phones} are not connected to the telephone system: no call can reach you. Check their cables and network, or sit at another phone.", extensions.length, { phones: extensions.join(", ") });
  if (line) setText(line.querySelector("span"), text);
  else {
    line = h("div", { class: "banner", role: "alert", data: { testid: "phone-unreachable" } }, icon("device-landline-phone"), h("span", {}, text));
    document.getElementById("banners").append(line);
  }
}
