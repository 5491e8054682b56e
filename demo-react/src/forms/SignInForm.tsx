import { type SubmitEvent, useMemo, useState } from "react";
import { type SignInEventFields, signInEvent } from "../forebay.gen";
import { sampleSignIn } from "../samples";
import { useTracedRecord } from "../trail";
import { Choice, Field, IconButton, Switch } from "../ui";
import { useViolations, violationsOf } from "../useViolations";
import { callCode, FormFoot } from "./FormFoot";

const USER_TYPES = ["student", "teacher", "admin"] as const;

interface Props {
  immediate: boolean;
  onImmediate: (immediate: boolean) => void;
}

export function SignInForm(props: Props) {
  const [values, setValues] = useState<SignInEventFields>(() => ({
    email: "",
    id: crypto.randomUUID(),
    is_test_user: false,
    user_type: "student",
  }));
  const [submitted, setSubmitted] = useState(false);
  const [receipt, setReceipt] = useState<string>();
  const record = useTracedRecord();
  const violations = useViolations(useMemo(() => signInEvent(values), [values]));
  // An address is wrong until its last letter is typed: nothing is said before the first try.
  const shown = submitted ? violations : [];

  function submit(event: SubmitEvent) {
    event.preventDefault();
    setSubmitted(true);
    setReceipt(record({ ...signInEvent(values), immediate: props.immediate }).id);
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
        <Field label="Account id" violations={violationsOf(shown, "id")}>
          {(attributes) => (
            <div className="joined">
              <input
                {...attributes}
                type="text"
                className="mono"
                autoComplete="off"
                spellCheck={false}
                value={values.id}
                onChange={(event) => setValues({ ...values, id: event.target.value })}
              />
              <IconButton
                label="New account id"
                icon="refresh"
                onClick={() => setValues({ ...values, id: crypto.randomUUID() })}
              />
            </div>
          )}
        </Field>
        <Choice
          label="User type"
          values={USER_TYPES}
          value={values.user_type}
          onChange={(user_type) => setValues({ ...values, user_type })}
        />
        <Switch
          label="One of our own test users"
          checked={values.is_test_user}
          onChange={(is_test_user) => setValues({ ...values, is_test_user })}
        />
        <button type="button" className="link" onClick={() => setValues(sampleSignIn())}>
          Fill in someone
        </button>
      </div>
      <FormFoot
        {...props}
        code={callCode("signInEvent", values)}
        button="Sign in"
        receipt={receipt}
      />
    </form>
  );
}
