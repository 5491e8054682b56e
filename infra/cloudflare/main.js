import { worker } from "forebay-worker";
import schema from "./forebay.schema.json";

export default worker(schema);
