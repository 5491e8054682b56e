import { useState } from "react";
import { BurstForm } from "./forms/BurstForm";
import { CustomForm } from "./forms/CustomForm";
import { SignInForm } from "./forms/SignInForm";
import { SignUpForm } from "./forms/SignUpForm";
import { Card, Tabs } from "./ui";

/** Where events are made. */
export function Composer({ eventTypes }: { eventTypes: readonly string[] }) {
  const [immediate, setImmediate] = useState(false);
  const sending = { immediate, onImmediate: setImmediate };
  return (
    <Card title="Record" className="composer">
      <Tabs
        label="What to record"
        tabs={{
          "Sign up": <SignUpForm {...sending} />,
          "Sign in": <SignInForm {...sending} />,
          Custom: <CustomForm {...sending} eventTypes={eventTypes} />,
          Burst: <BurstForm />,
        }}
      />
    </Card>
  );
}
