import "@fontsource-variable/geist";
import "@fontsource-variable/geist-mono";
import "./styles/base.css";
import "./styles/page.css";
import "./styles/composer.css";
import "./styles/trail.css";
import "./styles/lake.css";
import "./styles/narrow.css";
import { ForebayProvider } from "forebay/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { schema } from "./forebay.gen";
import { fetchConfig } from "./server";
import { Empty } from "./ui";

const root = createRoot(document.getElementById("root") as HTMLElement);

async function start() {
  try {
    const stack = await fetchConfig();
    const config = {
      endpoint: stack.edge,
      appId: stack.app_id,
      region: stack.region,
      identityPoolId: stack.identity_pool_id,
      schema: stack.rules ?? schema,
    };
    root.render(
      <StrictMode>
        <ForebayProvider config={config}>
          <App stack={stack} />
        </ForebayProvider>
      </StrictMode>,
    );
  } catch (error) {
    root.render(
      <main className="page">
        <Empty
          title="The demo is not running"
          action={
            <button type="button" onClick={start}>
              Try again
            </button>
          }
        >
          {error instanceof Error ? error.message : String(error)}
        </Empty>
      </main>,
    );
  }
}

start();
