const { record } = require("forebay");
const { ForebayProvider, usePageViews, useReceipt, useRecord } = require("forebay/react");
const { createElement, useState } = require("react");

/** Records by the hook, and what does not render records by the function. */
function SignUp() {
  const recordHere = useRecord();
  const [receipt, setReceipt] = useState();
  usePageViews("/sign-up");
  const submit = () => {
    setReceipt(recordHere({ name: "SignUp", attributes: { plan: "pro", coupon: undefined } }));
    record({ name: "Counted", metrics: { seats: 3 } });
  };
  return createElement(
    "p",
    null,
    createElement("button", { type: "button", onClick: submit }, "Sign up"),
    createElement("output", null, useReceipt(receipt)),
  );
}

/** The whole app, with a configuration that leads nowhere. */
function App() {
  const config = {
    endpoint: "https://events.invalid",
    appId: "app",
    region: "us-east-1",
    identityPoolId: "us-east-1:pool",
  };
  return createElement(ForebayProvider, { config }, createElement(SignUp));
}

module.exports = { SignUp, App };
