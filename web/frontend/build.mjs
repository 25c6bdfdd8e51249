// Turns the packages pinned in package-lock.json into the files the pages load: one style sheet, two scripts,
// one icon sprite with only the icons named in package.json, and the licences of all of it.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const out = join(here, "..", "static", "vendor");
const manifest = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

await build({
  entryPoints: {
    tabler: join(modules, "@tabler/core/dist/css/tabler.css"),
    "tabler-ui": join(modules, "@tabler/core/dist/js/tabler.esm.js"),
  },
  outdir: out, bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "inline", logLevel: "warning",
});
await build({
  entryPoints: { htmx: join(modules, "htmx.org/dist/htmx.js") },
  outdir: out, minify: true, target: "es2022", legalComments: "inline", logLevel: "warning",
});

const symbol = (name, kind) => {
  const file = join(modules, "@tabler/icons/icons", kind, `${name}.svg`);
  if (!existsSync(file)) throw new Error(`no icon "${name}" in @tabler/icons (${kind})`);
  const body = readFileSync(file, "utf8").replace(/<!--[\s\S]*?-->/g, "").match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1];
  const paint = kind === "filled"
    ? 'fill="currentColor"'
    : 'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"';
  const id = kind === "filled" ? `${name}-filled` : name;
  return `<symbol id="${id}" viewBox="0 0 24 24" ${paint}>${body.replace(/\s*\n\s*/g, "")}</symbol>`;
};
const icons = manifest.callcard.icons;
const sprite = icons.map((name) => (name.endsWith("-filled") ? symbol(name.slice(0, -7), "filled") : symbol(name, "outline")));
writeFileSync(join(out, "icons.svg"), `<svg xmlns="http://www.w3.org/2000/svg">\n${sprite.join("\n")}\n</svg>\n`);

// Sent instead of the plain file to browsers that take it: an eighth of the bytes, and no work per request.
for (const name of readdirSync(out)) writeFileSync(join(out, `${name}.gz`), gzipSync(readFileSync(join(out, name)), { level: 9 }));

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify,
merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished
to do so, subject to the following conditions: The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT
SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT
OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

const licence = (name) => {
  const folder = join(modules, name);
  const { version, license, author } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const who = typeof author === "string" ? author : (author?.name ?? "");
  const text = file ? readFileSync(join(folder, file), "utf8") : `${license}. Copyright ${who} and contributors.\n\n${MIT}`;
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
};
const bundled = ["@tabler/core", "@tabler/icons", "@popperjs/core", "htmx.org"].map(licence);
bundled.push(`Bootstrap (MIT), part of @tabler/core\n\nCopyright The Bootstrap Authors\n\n${MIT}\n`);
writeFileSync(join(out, "LICENSES.txt"), bundled.join(`\n${"-".repeat(80)}\n\n`));

// The same recipe as web/frontend/vendor.py, written last: an interrupted build leaves no stamp.
const digest = createHash("sha256");
for (const name of ["package.json", "package-lock.json", "build.mjs"]) {
  digest.update(`${name}\0`).update(readFileSync(join(here, name))).update("\0");
}
writeFileSync(join(out, "STAMP"), `${digest.digest("hex")}\n`);
