// Writes `src/stripe/parameters.json`, the table of what each endpoint takes, out of the SDK's own types:
//
//   npm ci && node parameters.mjs
//
// `parameters.test.mjs` fails when the file is not what this writes.
//
// | notation        | a value of this type                                                        |
// |-----------------|-----------------------------------------------------------------------------|
// | `integer`       | also `string`, `boolean`, and `map` (the caller names the members)           |
// | `(name)`        | one of the texts under `enums`                                              |
// | `{name}`        | a hash with the members under `hashes`                                      |
// | `x[]`           | an array of `x`                                                             |
// | `x|y`           | either                                                                      |
// | `''`            | the empty text, which unsets                                                |
// | `unmodelled`    | known to Stripe, and refused by the stand-in                                |
// | `!` at the end  | required                                                                    |
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { declarations, declared, routes, sdk, suite } from './sdk_types.mjs';

export const place = join(suite, '../../src/stripe/parameters.json');

// The endpoints that the stand-in has.
const MODELLED = {
  PaymentIntents: ['list', 'create', 'retrieve', 'update', 'confirm', 'capture', 'cancel'],
  Charges: ['list', 'retrieve'],
  Refunds: ['list', 'create', 'retrieve'],
  BalanceTransactions: ['list', 'retrieve'],
  Disputes: ['list', 'retrieve', 'update', 'close'],
  Events: ['list', 'retrieve'],
  PaymentMethods: ['list', 'create', 'retrieve', 'attach', 'detach'],
  Customers: ['create', 'retrieve', 'del', 'listPaymentMethods'],
  Transfers: ['list', 'create', 'retrieve', 'createReversal'],
  WebhookEndpoints: ['list', 'create', 'retrieve', 'del'],
};
// Its accounts have activated cards and Pix, and nothing else: the hashes of other methods are named and not described.
const OF_A_METHOD = /(^PaymentMethodCreateParams|\bpayment_method_(options|data))\.(\w+)$/;
const OF_ANY_METHOD = new Set([
  'allow_redisplay',
  'billing_details',
  'card',
  'customer',
  'expand',
  'metadata',
  'payment_method',
  'pix',
  'radar_options',
  'type',
]);
// What a removed parameter was: the types of the newest version do not have it any more.
const TYPES_OF_REMOVED = { available_on: 'integer|{created}', coupon: 'string', payment_method_types: 'string[]', promotion_code: 'string' };

export function generate() {
  const types = declarations(Object.keys(MODELLED));
  const table = new Table(types.checker);
  const endpoints = {};
  const endpointsOf = new Map();
  const objects = new Set();
  for (const [file, methods] of Object.entries(MODELLED)) {
    const object = file.slice(0, -1);
    objects.add(object);
    const paths = routes(file);
    const resource = declared(types, `${object}Resource`);
    for (const method of methods) {
      const parameters = parametersOf(types.checker, resource, method);
      const { name } = parameters.symbol;
      const endpoint = paths.get(method).join(' ');
      endpoints[endpoint] = table.members(parameters, name);
      endpointsOf.set(name, endpoint);
    }
  }
  return {
    generated_from: `stripe ${readFileSync(join(sdk, 'VERSION'), 'utf8').trim()}`,
    endpoints: sorted(endpoints),
    removed: removals(endpointsOf, table.enums.api_version),
    hashes: sorted(table.hashes),
    enums: sorted(table.enums),
    expandable: sorted(expandable(types, objects)),
  };
}

function parametersOf(checker, resource, method) {
  const [signature] = checker.getTypeOfSymbol(resource.getProperty(method)).getCallSignatures();
  const parameters = signature.getParameters().find(({ name }) => name === 'params');
  return checker.getNonNullableType(checker.getTypeOfSymbol(parameters));
}

class Table {
  hashes = {};
  enums = {};
  #names = new Map();

  constructor(checker) {
    this.checker = checker;
  }

  members(type, path) {
    const members = {};
    for (const property of type.getProperties()) {
      const place = `${path}.${property.name}`;
      const required = property.flags & ts.SymbolFlags.Optional ? '' : '!';
      // The checker folds the empty text into `string`: whether it unsets is told by the declaration alone.
      const emptyable = property.valueDeclaration.type.getText().startsWith('Emptyable<');
      const text = this.#text(this.checker.getTypeOfSymbol(property), place);
      members[property.name] = (emptyable && text !== 'unmodelled' ? "''|" : '') + text + required;
    }
    return sorted(members);
  }

  #text(type, path) {
    const [, , , member] = path.match(OF_A_METHOD) ?? [];
    if (member && !OF_ANY_METHOD.has(member)) return 'unmodelled';
    const parts = type.isUnion() ? type.types : [type];
    const choices = parts.filter((part) => part.isStringLiteral() && part.value !== '').map(({ value }) => value);
    const texts = new Set(choices.length > 0 ? [`(${this.#name(this.enums, choices.sort(), path)})`] : []);
    for (const part of parts) {
      const text = this.#part(part, path);
      if (text) texts.add(text);
    }
    if (texts.size === 0) throw new Error(`${path} has no type`);
    return [...texts].join('|');
  }

  // Nothing for what says nothing of its own: `undefined`, listed texts, and the SDK's `OtherString`.
  #part(type, path) {
    const { Undefined, Null, StringLiteral, BooleanLike, Number, String } = ts.TypeFlags;
    if (type.flags & (Undefined | Null | StringLiteral) || type.isIntersection()) return undefined;
    if (type.flags & BooleanLike) return 'boolean';
    if (type.flags & Number) return 'integer';
    if (type.flags & String) return 'string';
    if (this.checker.isArrayType(type)) return `${this.#text(this.checker.getTypeArguments(type)[0], path)}[]`;
    if (type.getStringIndexType()) return 'map';
    return `{${this.#name(this.hashes, this.members(type, path), path)}}`;
  }

  // As short as may be, and the same for the same content.
  #name(named, content, path) {
    const text = JSON.stringify(content);
    if (!this.#names.has(text)) {
      const words = path.split('.');
      let length = 1;
      const name = () => words.slice(-length).join('.');
      while (name() in named) length += 1;
      this.#names.set(text, name());
      named[name()] = content;
    }
    return this.#names.get(text);
  }
}

// Parameters that a version has removed, out of the SDK's changelog.
// Values that it has removed from a list are refused by all versions: the list is that of the newest.
function removals(endpointsOf, versions) {
  const found = [];
  let since;
  for (const line of readFileSync(join(sdk, 'CHANGELOG.md'), 'utf8').split('\n')) {
    if (line.startsWith('## ')) since = undefined;
    since ??= line.match(/changes the pinned API version to `([^`]+)`/)?.[1];
    const [, names, places] = line.match(/Remove support for (`[^.]+`) on (`.+`)/) ?? [];
    if (!names || !since) continue;
    for (const [parameters, ...nested] of quoted(places).map((place) => place.split('.'))) {
      for (const name of endpointsOf.has(parameters) ? quoted(names) : []) {
        const parameter = [...nested, name].join('.');
        const type = TYPES_OF_REMOVED[parameter];
        if (!type) throw new Error(`${parameters}.${parameter} was removed in ${since}: what was its type?`);
        if (!versions.includes(since)) throw new Error(`${since} is not a version of the API`);
        found.push({ endpoint: endpointsOf.get(parameters), parameter, type, since });
      }
    }
  }
  return found;
}

const quoted = (text) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name);

// `latest_charge` -> `Charge`: the members that are shown as an id until the whole object is asked for.
function expandable({ checker, exported }, objects) {
  const found = {};
  for (const object of objects) {
    found[object] = {};
    // Events are a union of all their kinds, with one base.
    const type = declared({ checker, exported }, object === 'Event' ? 'EventBase' : object);
    for (const property of type.getProperties()) {
      const parts = checker.getTypeOfSymbol(property).types ?? [];
      const whole = parts.find((part) => part.symbol && !part.symbol.name.startsWith('Deleted') && part.isClassOrInterface());
      if (parts.some((part) => part.flags & ts.TypeFlags.String) && whole) found[object][property.name] = whole.symbol.name;
    }
  }
  return found;
}

const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

// One line for each endpoint, hash and list, so that a difference shows where it is.
export function render(table) {
  const section = (value) => {
    if (typeof value === 'string') return JSON.stringify(value);
    const list = Array.isArray(value);
    const line = ([name, item]) => `    ${list ? '' : `${JSON.stringify(name)}: `}${JSON.stringify(item)}`;
    const [open, close] = list ? '[]' : '{}';
    return `${open}\n${Object.entries(value).map(line).join(',\n')}\n  ${close}`;
  };
  const sections = Object.entries(table).map(([name, value]) => `  ${JSON.stringify(name)}: ${section(value)}`);
  return `{\n${sections.join(',\n')}\n}\n`;
}

if (import.meta.filename === process.argv[1]) writeFileSync(place, render(generate()));
