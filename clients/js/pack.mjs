// Writes the folders that are published to npm: `outlive`, and the package with the program for one platform.
//   node pack.mjs FOLDER PROGRAM [linux-x64]
// Then, for each platform's own folder and at last for `outlive`: npm publish.

import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PLATFORMS = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "win32-x64"];

const [folder, program, platform = `${process.platform}-${process.arch}`] = process.argv.slice(2);
if (!folder || !program || !PLATFORMS.includes(platform)) {
  console.error(`usage: node pack.mjs FOLDER PROGRAM [${PLATFORMS.join(" | ")}]`);
  process.exit(2);
}

const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const root = join(here, "../..");
const client = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const [cargo] = /(?<=\n\[workspace\.package\]\n(?:.+\n)*?version = ")[^"]+/.exec(`\n${readFileSync(join(root, "Cargo.toml"), "utf8")}`);
if (client.version !== cargo) throw new Error(`package.json has the version ${client.version}, and Cargo.toml ${cargo}`);

const write = (name, manifest, files) => {
  const to = join(folder, name);
  mkdirSync(to, { recursive: true });
  writeFileSync(join(to, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const [file, from] of files) copyFileSync(from, join(to, file));
  for (const file of ["LICENSE-APACHE", "LICENSE-MIT"]) copyFileSync(join(root, file), join(to, file));
  return to;
};

const { version, license } = client;
const programs = Object.fromEntries(PLATFORMS.map((one) => [`outlive-${one}`, version]));
const files = ["README.md", ...client.files].map((file) => [file, join(here, file)]);
write("outlive", { ...client, scripts: undefined, optionalDependencies: programs }, files);

const [os, cpu] = platform.split("-");
const file = os === "win32" ? "outlive.exe" : "outlive";
const description = `The program outlive, for ${platform}: install the package outlive`;
const own = { name: `outlive-${platform}`, version, description, os: [os], cpu: [cpu], files: [file], license };
chmodSync(join(write(own.name, own, [[file, program]]), file), 0o755);
