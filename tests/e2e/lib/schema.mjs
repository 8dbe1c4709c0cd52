// @ts-check
/** The few words of JSON Schema that docs/reference uses; one that is not known here is an error. */

/** @type {Record<string, (rule: any, value: any) => boolean>} */
const WORDS = {
  type: (rule, value) => [rule].flat().some((name) => is(name, value)),
  const: (rule, value) => value === rule,
  enum: (rule, value) => rule.includes(value),
  minimum: (rule, value) => value >= rule,
  maximum: (rule, value) => value <= rule,
  exclusiveMinimum: (rule, value) => value > rule,
  exclusiveMaximum: (rule, value) => value < rule,
  minLength: (rule, value) => [...value].length >= rule,
  minItems: (rule, value) => value.length >= rule,
  maxItems: (rule, value) => value.length <= rule,
  uniqueItems: (_, value) => new Set(value).size === value.length,
  minProperties: (rule, value) => Object.keys(value).length >= rule,
  maxProperties: (rule, value) => Object.keys(value).length <= rule,
  required: (rule, value) => rule.every((/** @type {string} */ name) => name in value),
  oneOf: (rule, value) => rule.filter((/** @type {any} */ one) => flaw(one, value) === null).length === 1,
};
const SAID = new Set(['$schema', '$id', 'title', 'description']);
const PARTS = new Set(['properties', 'additionalProperties', 'items']);

/** @param {string} name @param {any} value */
function is(name, value) {
  if (name === 'null') return value === null;
  if (name === 'array') return Array.isArray(value);
  if (name === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  if (name === 'integer') return Number.isInteger(value);
  if (name === 'number') return Number.isFinite(value);
  return typeof value === name;
}

/**
 * Where a value breaks a schema, in words; null where it does not.
 * @param {any} schema
 * @param {any} value
 * @param {string} [path]
 * @returns {string | null}
 */
export function flaw(schema, value, path = 'it') {
  if (schema.type !== undefined && !WORDS.type(schema.type, value)) return `${path} is no ${schema.type}`;
  for (const [word, rule] of Object.entries(schema)) {
    if (SAID.has(word) || PARTS.has(word)) continue;
    if (!(word in WORDS)) throw new Error(`the schema uses ${word}, which is not known here`);
    if (!WORDS[word](rule, value)) return `${path} breaks ${word} ${JSON.stringify(rule)}`;
  }
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) {
      const found = schema.items && flaw(schema.items, item, `${path}[${at}]`);
      if (found) return found;
    }
  } else if (is('object', value)) {
    for (const [name, field] of Object.entries(value)) {
      const rule = schema.properties?.[name] ?? schema.additionalProperties;
      if (rule === false) return `${path}.${name} is unknown`;
      const found = rule && flaw(rule, field, `${path}.${name}`);
      if (found) return found;
    }
  }
  return null;
}
