#!/usr/bin/env node
// The program `outlive`, which an optional package brings for each platform.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";

const require = createRequire(import.meta.url);
const fail = (why) => {
  console.error(`outlive: ${why}`);
  process.exit(2);
};

function find() {
  const name = `outlive-${process.platform}-${process.arch}`;
  try {
    return require.resolve(`${name}/outlive${process.platform === "win32" ? ".exe" : ""}`);
  } catch {
    const names = Object.keys(require("./package.json").optionalDependencies ?? {});
    const other = "or name the program in OUTLIVE_PROGRAM (cargo install outlive-cli builds one)";
    if (!names.includes(name)) return fail(`there is no package ${name}, only ${names.join(", ") || "none"}; ${other}`);
    return fail(`the package ${name} is missing: install outlive anew, and not with --omit=optional; ${other}`);
  }
}

const program = process.env.OUTLIVE_PROGRAM || find();
const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
// A signal is for the program, which drains. A terminal sends its own to both.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => { if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal); });
}
child.on("error", (error) => fail(`${program} cannot be started: ${error.message}`));
child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
