// XGrammar in Node: reads jobs ({grammar | structural_tag, texts}) and answers which texts each grammar accepts.
import { readFileSync } from "node:fs";
import Module from "node:module";

// Its file is written for CommonJS, in a package that says it is not.
const file = new URL("../../../web/node_modules/@mlc-ai/web-xgrammar/lib/index.js", import.meta.url).pathname;
const loaded = new Module(file);
loaded.filename = file;
loaded._compile(readFileSync(file, "utf8"), file);
const { GrammarCompiler, GrammarMatcher, TokenizerInfo } = loaded.exports;

// The matcher is given bytes and no tokens, so that any vocabulary will do.
const tokens = await TokenizerInfo.createTokenizerInfo(["</s>", "a"], "raw", false, undefined, [0]);
const compiler = await GrammarCompiler.createGrammarCompiler(tokens, false);

async function judge({ grammar, structural_tag, texts }) {
  const compiled = grammar === undefined ? await compiler.compileStructuralTag(structural_tag) : await compiler.compileGrammar(grammar);
  const accepted = [];
  for (const text of texts) {
    const matcher = await GrammarMatcher.createGrammarMatcher(compiled, undefined, true);
    accepted.push(matcher._acceptString(text) && matcher.isTerminated());
    matcher.dispose();
  }
  compiled.dispose();
  return accepted;
}

const answers = [];
for (const job of JSON.parse(readFileSync(0, "utf8"))) answers.push(await judge(job));
process.stdout.write(JSON.stringify(answers));
