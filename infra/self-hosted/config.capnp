# What workerd runs. Secrets come from the environment (worker.env), all else from forebay.json and the
# schema beside this file.

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "forebay", worker = .forebay),
    # Kinesis and the keys of token issuers. Add "local" to `allow` where one of them is on this machine.
    (name = "internet", network = (allow = ["public"], tlsOptions = (trustBrowserCas = true))),
  ],
  # TLS ends at a proxy in front: nobody else reaches the worker.
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "forebay")],
);

const forebay :Workerd.Worker = (
  modules = [
    (name = "main.js", esModule = embed "main.js"),
    (name = "worker.js", esModule = embed "node_modules/forebay-worker/dist/worker.js"),
    (name = "forebay.wasm", wasm = embed "node_modules/forebay-worker/dist/forebay.wasm"),
    (name = "forebay.schema.json", text = embed "forebay.schema.json"),
  ],
  bindings = [
    (name = "FOREBAY", json = embed "forebay.json"),
    (name = "MASTER_SECRETS", fromEnvironment = "MASTER_SECRETS"),
    (name = "PII_SALT", fromEnvironment = "PII_SALT"),
    (name = "PARTITION_KEY_SECRET", fromEnvironment = "PARTITION_KEY_SECRET"),
    (name = "SERVER_KEYS", fromEnvironment = "SERVER_KEYS"),
    (name = "OPENID_KEYS", fromEnvironment = "OPENID_KEYS"),
    (name = "METRICS_KEY", fromEnvironment = "METRICS_KEY"),
    (name = "KINESIS_ACCESS_KEY_ID", fromEnvironment = "KINESIS_ACCESS_KEY_ID"),
    (name = "KINESIS_SECRET_ACCESS_KEY", fromEnvironment = "KINESIS_SECRET_ACCESS_KEY"),
    (name = "KINESIS_SESSION_TOKEN", fromEnvironment = "KINESIS_SESSION_TOKEN"),
    (name = "SINK_KEYS", fromEnvironment = "SINK_KEYS"),
  ],
  globalOutbound = "internet",
  compatibilityDate = "2026-10-01",
);
