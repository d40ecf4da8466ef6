// Compares a value from the wire with what the SDK declares it to be.
import ts from 'typescript';
import { declarations, declared } from './sdk_types.mjs';

const types = declarations(
  [
    'PaymentIntents', 'Charges', 'Refunds', 'Disputes', 'BalanceTransactions', 'Events', 'PaymentMethods', 'Customers',
    'Transfers', 'TransferReversals', 'WebhookEndpoints',
  ],
  ['lib', 'Types'],
);
const { checker } = types;
const { Unknown, Null, Undefined, Void, StringLike, NumberLike, BooleanLike, StringLiteral, NumberLiteral } = ts.TypeFlags;

// Sentences about all that is not as declared: a member that is missing, or unknown, or of another type.
export function problems(name, value) {
  return compare(declared(types, name), value, name);
}

// Whether the SDK knows an error code.
export function knowsCode(code) {
  const error = declared(types, 'PaymentIntent').getProperty('last_payment_error');
  const [interfaced] = checker.getTypeOfSymbol(error).types.filter((type) => type.symbol);
  return literals(checker.getTypeOfSymbol(interfaced.getProperty('code'))).includes(code);
}

// Whether an event may be of this type.
export function knowsEvent(name) {
  return literals(checker.getTypeOfSymbol(declared(types, 'EventBase').getProperty('type'))).includes(name);
}

const literals = (type) => (type.types ?? [type]).filter((part) => part.isStringLiteral()).map(({ value }) => value);

function compare(type, value, path) {
  if (!type.isUnion()) return compareOne(type, value, path);
  // `OtherString` is for values that a newer version adds: where texts are listed, it has to be one of them.
  const listed = type.types.some((part) => part.isStringLiteral());
  const parts = type.types.filter((part) => !(listed && part.isIntersection()));
  const found = parts.map((part) => compareOne(part, value, path));
  // Of an object the problems with the nearest interface are told, of anything else that nothing fits.
  const objects = found.filter((_, at) => parts[at].flags & ts.TypeFlags.Object);
  const nearest = objects.sort((a, b) => a.length - b.length)[0];
  if (found.some((problems) => problems.length === 0)) return [];
  return typeof value === 'object' && value !== null && nearest ? nearest : [`${path} is ${JSON.stringify(value)}`];
}

function compareOne(type, value, path) {
  const wrong = [`${path} is ${JSON.stringify(value)}`];
  const fits = (good) => (good ? [] : wrong);
  if (type.flags & Unknown) return [];
  if (type.flags & Null) return fits(value === null);
  if (type.flags & (Undefined | Void)) return fits(value === undefined);
  if (type.flags & (StringLiteral | NumberLiteral)) return fits(value === type.value);
  if (type.flags & BooleanLike) return fits(typeof value === 'boolean' && boolean(type, value));
  if (type.flags & StringLike) return fits(typeof value === 'string');
  if (type.flags & NumberLike) return fits(typeof value === 'number');
  if (type.isIntersection()) return fits(typeof value === 'string');
  if (typeof value !== 'object' || value === null) return wrong;
  if (checker.isArrayType(type)) {
    if (!Array.isArray(value)) return wrong;
    const [element] = checker.getTypeArguments(type);
    return value.flatMap((item, at) => compare(element, item, `${path}[${at}]`));
  }
  return Array.isArray(value) ? wrong : compareMembers(type, value, path);
}

const boolean = (type, value) => !type.intrinsicName || type.intrinsicName === 'boolean' || type.intrinsicName === String(value);

function compareMembers(type, value, path) {
  const found = [];

  const any = type.getStringIndexType();
  for (const property of type.getProperties()) {
    const optional = property.flags & ts.SymbolFlags.Optional;
    if (!(property.name in value) && !optional) found.push(`${path}.${property.name} is missing`);
  }
  for (const [name, member] of Object.entries(value)) {
    const property = type.getProperty(name);
    const declared = property ? checker.getTypeOfSymbol(property) : any;
    if (!declared) found.push(`${path}.${name} is not declared`);
    else found.push(...compare(declared, member, `${path}.${name}`));
  }
  return found;
}
