// Bundles the view and writes, beside the bundle, the hash of everything it was made from.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const SOURCES = ["build.mjs", "hands.css", "hands.js", "package-lock.json", "package.json", "scene.js"];
const target = process.argv[2] ?? "../../../assets/hands.bundle.js";

await build({
  entryPoints: ["hands.js"],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  loader: { ".css": "text" },
  banner: { js: "/*! Contains three.js (https://threejs.org), MIT licence, copyright three.js authors. */" },
  outfile: target,
});

const hash = createHash("sha256");
for (const name of SOURCES) hash.update(readFileSync(name));
writeFileSync(target.replace(/\.js$/, ".sources.sha256"), hash.digest("hex") + "\n");
