import schema from "./forebay.schema.json";
import { worker } from "./worker.js";

export default worker(schema);
