/**
 * Validates JSON by the keywords of JSON Schema that `conf/nsmctl.schema.json` uses. Any other
 * keyword is an error of the schema.
 */

export interface Schema {
  readonly [word: string]: unknown;
}

const ANNOTATIONS = new Set(["$schema", "$id", "title", "description", "$defs"]);

/** Violations of a schema by a value; empty if valid. */
export function faultsOf(value: unknown, schema: Schema, root: Schema, path = "$"): string[] {
  const faults: string[] = [];
  const demand = (isMet: boolean, fault: string) => {
    if (!isMet) faults.push(`${path} ${fault}`);
  };
  for (const [word, wanted] of Object.entries(schema)) {
    switch (word) {
      case "$ref":
        faults.push(...faultsOf(value, referred(root, String(wanted)), root, path));
        break;
      case "oneOf": {
        const fits = (wanted as Schema[]).filter((one) =>
          faultsOf(value, one, root, path).length === 0
        );
        demand(fits.length === 1, `fits ${fits.length} of the alternatives`);
        break;
      }
      case "type":
        demand(
          [wanted].flat().some((it) => hasType(value, String(it))),
          `is no ${wanted}: ${JSON.stringify(value)}`,
        );
        break;
      case "enum":
        demand((wanted as unknown[]).includes(value), `is ${JSON.stringify(value)}`);
        break;
      case "const":
        demand(value === wanted, `is not ${wanted}`);
        break;
      case "pattern":
        demand(
          typeof value !== "string" || new RegExp(String(wanted)).test(value),
          `does not match`,
        );
        break;
      case "minimum":
        demand(typeof value !== "number" || value >= Number(wanted), `is below ${wanted}`);
        break;
      case "maximum":
        demand(typeof value !== "number" || value <= Number(wanted), `is above ${wanted}`);
        break;
      case "required":
        for (const name of wanted as string[]) {
          demand(isObject(value) && name in value, `lacks "${name}"`);
        }
        break;
      case "items":
        if (Array.isArray(value)) {
          value.forEach((item, i) =>
            faults.push(...faultsOf(item, wanted as Schema, root, `${path}[${i}]`))
          );
        }
        break;
      case "properties":
      case "additionalProperties":
        break; // handled together, below
      default:
        demand(ANNOTATIONS.has(word), `meets the unknown word "${word}" in the schema`);
    }
  }
  if (isObject(value) && schema["properties"] !== undefined) {
    const properties = schema["properties"] as Readonly<Record<string, Schema>>;
    const others = schema["additionalProperties"];
    for (const [name, item] of Object.entries(value)) {
      const known = properties[name] ?? (isObject(others) ? others : undefined);
      if (known !== undefined) faults.push(...faultsOf(item, known, root, `${path}.${name}`));
      else demand(others !== false, `has "${name}", which the schema does not know`);
    }
  }
  return faults;
}

function referred(root: Schema, reference: string): Schema {
  const name = /^#\/\$defs\/(\w+)$/.exec(reference)?.[1] ?? "";
  const found = (root["$defs"] as Readonly<Record<string, Schema>>)[name];
  if (found === undefined) throw new Error(`The schema has no ${reference}`);
  return found;
}

function hasType(value: unknown, type: string): boolean {
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") return isObject(value);
  if (type === "null") return value === null;
  const typeOf: string = typeof value;
  return typeOf === type;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
