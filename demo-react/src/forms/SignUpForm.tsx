import { type SubmitEvent, useMemo, useState } from "react";
import { type SignUpEventFields, signUpEvent } from "../forebay.gen";
import { sampleSignUp } from "../samples";
import { useTracedRecord } from "../trail";
import { Choice, Field } from "../ui";
import { useViolations, violationsOf } from "../useViolations";
import { callCode, FormFoot } from "./FormFoot";

const PLANS = ["free", "pro", "team"] as const;

interface Props {
  immediate: boolean;
  onImmediate: (immediate: boolean) => void;
}

export function SignUpForm(props: Props) {
  const [values, setValues] = useState({ email: "", plan: "free", referrer: "" } as {
    email: string;
    plan: NonNullable<SignUpEventFields["plan"]>;
    referrer: string;
  });
  const [submitted, setSubmitted] = useState(false);
  const [receipt, setReceipt] = useState<string>();
  const record = useTracedRecord();
  const signUp = useMemo(() => ({ ...values, referrer: values.referrer || null }), [values]);
  const violations = useViolations(useMemo(() => signUpEvent(signUp), [signUp]));
  // An address is wrong until its last letter is typed: nothing is said before the first try.
  const shown = submitted ? violations : [];

  function submit(event: SubmitEvent) {
    event.preventDefault();
    setSubmitted(true);
    setReceipt(record({ ...signUpEvent(signUp), immediate: props.immediate }).id);
  }

  return (
    <form className="form" onSubmit={submit} noValidate>
      <div className="form-fields">
        <Field label="Email" violations={violationsOf(shown, "email")}>
          {(attributes) => (
            <input
              {...attributes}
              type="email"
              autoComplete="off"
              placeholder="ada@example.com"
              value={values.email}
              onChange={(event) => setValues({ ...values, email: event.target.value })}
            />
          )}
        </Field>
        <Choice
          label="Plan"
          values={PLANS}
          value={values.plan}
          onChange={(plan) => setValues({ ...values, plan })}
        />
        <Field label="Heard of us from" optional violations={violationsOf(shown, "referrer")}>
          {(attributes) => (
            <input
              {...attributes}
              type="text"
              autoComplete="off"
              placeholder="a friend"
              value={values.referrer}
              onChange={(event) => setValues({ ...values, referrer: event.target.value })}
            />
          )}
        </Field>
        <button
          type="button"
          className="link"
          onClick={() => {
            const sample = sampleSignUp();
            setValues({ ...sample, referrer: sample.referrer ?? "" });
          }}
        >
          Fill in someone
        </button>
      </div>
      <FormFoot
        {...props}
        code={callCode("signUpEvent", signUp)}
        button="Sign up"
        receipt={receipt}
      />
    </form>
  );
}
