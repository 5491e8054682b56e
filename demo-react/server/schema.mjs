// What the lake's tables look like, from forebay.schema.json: so that a query works before the
// first file exists, and so that every query sees the same columns in the same order.

/**
 * @typedef {{ name: string, type: string }} Column
 * @typedef {{ name: string, eventType: string, columns: Column[] }} Table `columns` are the
 *   event's own, after COMMON_COLUMNS.
 */

/** The columns every table begins with. @type {Column[]} */
export const COMMON_COLUMNS = [
  { name: "event_id", type: "VARCHAR" },
  { name: "event_type", type: "VARCHAR" },
  { name: "event_timestamp", type: "TIMESTAMPTZ" },
  { name: "arrival_timestamp", type: "TIMESTAMPTZ" },
  { name: "session_id", type: "VARCHAR" },
  { name: "session_start_timestamp", type: "TIMESTAMPTZ" },
  { name: "client_id", type: "VARCHAR" },
  { name: "cognito_id", type: "VARCHAR" },
  { name: "user_id", type: "VARCHAR" },
  { name: "app_id", type: "VARCHAR" },
  { name: "country", type: "VARCHAR" },
  { name: "region", type: "VARCHAR" },
  { name: "city", type: "VARCHAR" },
  { name: "timezone", type: "VARCHAR" },
  { name: "platform", type: "VARCHAR" },
  { name: "platform_version", type: "VARCHAR" },
  { name: "browser", type: "VARCHAR" },
  { name: "browser_version", type: "VARCHAR" },
  { name: "device_category", type: "VARCHAR" },
  { name: "locale", type: "VARCHAR" },
  { name: "sdk_name", type: "VARCHAR" },
  { name: "sdk_version", type: "VARCHAR" },
  { name: "schema_version", type: "INTEGER" },
];

/**
 * The tables of a parsed schema file.
 * @param {any} schema
 * @returns {Table[]}
 */
export function tablesOf(schema) {
  return Object.entries(schema.$defs ?? {}).map(([key, event]) => {
    const eventType = event["x-event-name"] ?? key;
    const columns = Object.entries(event.properties ?? {}).map(([field, property]) => ({
      name: snakeCase(field),
      type: columnType(property),
    }));
    return { name: snakeCase(eventType), eventType, columns };
  });
}

/**
 * The name of a table or column: words in small letters, parted by one `_`, as the lake names them.
 * @param {string} name
 */
function snakeCase(name) {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2")
    .replace(/[^A-Za-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .toLowerCase();
}

/** @param {any} property */
function columnType(property) {
  const values = property.enum ?? ("const" in property ? [property.const] : []);
  const types = [
    property.type ?? values.map((/** @type {unknown} */ value) => typeof value),
  ].flat();
  if (types.includes("integer")) return "BIGINT";
  if (types.includes("number")) return "DOUBLE";
  if (types.includes("boolean")) return "BOOLEAN";
  return property.format === "date-time" ? "TIMESTAMPTZ" : "VARCHAR";
}
