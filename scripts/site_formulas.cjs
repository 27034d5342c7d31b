// Sets formulas: reads [{tex, display}] on standard input, writes their HTML with MathML as a list. Used by site_hooks.py.
//   node site_formulas.cjs PATH_OF_KATEX
const fs = require("fs");
const katex = require(process.argv[2]);

const set = ({ tex, display }) => {
  try {
    return katex.renderToString(tex, { displayMode: display, strict: "error", throwOnError: true });
  } catch (error) {
    process.stderr.write(`${tex.trim()}: ${error.message}\n`);
    process.exit(1);
  }
};

process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map(set)));
