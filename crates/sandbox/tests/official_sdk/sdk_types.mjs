// The official SDK's own type declarations, as TypeScript's compiler understands them.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const suite = dirname(fileURLToPath(import.meta.url));
export const sdk = join(suite, 'node_modules/stripe');
const resources = join(sdk, 'cjs/resources');

// What declaration files of the SDK export, by name, and the checker that knows their types. `others` are not
// those of resources.
export function declarations(files, others = []) {
  const paths = [...files.map((file) => join(resources, `${file}.d.ts`)), ...others.map((file) => join(sdk, 'cjs', `${file}.d.ts`))];
  const program = ts.createProgram(paths, { strict: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ES2022 });
  const checker = program.getTypeChecker();
  const exported = new Map();
  for (const path of paths) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(path));
    for (const symbol of checker.getExportsOfModule(module)) exported.set(symbol.name, symbol);
  }
  return { checker, exported };
}

// The type that an exported interface or class declares.
export function declared({ checker, exported }, name) {
  const symbol = exported.get(name);
  if (!symbol) throw new Error(`the SDK exports no ${name}`);
  return checker.getDeclaredTypeOfSymbol(symbol);
}

// `create` -> ['POST', '/v1/payment_intents'], read out of a resource's implementation.
export function routes(file) {
  const path = join(resources, `${file}.js`);
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const found = new Map();
  let method;
  const visit = (node) => {
    if (ts.isMethodDeclaration(node)) method = node.name.text;
    if (ts.isCallExpression(node) && node.expression.name?.text === '_makeRequest') {
      found.set(method, [node.arguments[0].text, template(node.arguments[1])]);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function template(node) {
  if (ts.isStringLiteral(node)) return node.text;
  return node.head.text + node.templateSpans.map((span) => `{id}${span.literal.text}`).join('');
}
