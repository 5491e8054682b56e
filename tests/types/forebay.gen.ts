// Written by `npx forebay codegen` from forebay.schema.json. Do not edit: change the schema and run
// it again.

import { type CompiledSchema, createEvent, type Exact } from "forebay";

/** What {@link signUpEvent} takes. */
export interface SignUpEventFields {
  /** Email address. */
  email: string;
  plan: "free" | "pro" | "team";
  /** At most 100 characters. */
  referrer?: string | null;
  /** Whole number, at least 1. */
  seats?: number;
  rating?: 1 | 2 | 3;
  terms?: true;
  is_test_user?: boolean;
  /** Date (as 2026-11-21). */
  born?: string | Date;
  /** Date and time (RFC 3339). */
  confirmed_at?: string | Date;
}

/** Someone created an account. */
export type SignUpEvent = {
  name: "SignUpEvent";
  attributes: {
    email: string;
    plan: "free" | "pro" | "team";
    referrer?: string;
    terms?: "true";
    is_test_user?: "true" | "false";
    born?: string;
    confirmed_at?: string;
  };
  metrics: {
    seats?: number;
    rating?: 1 | 2 | 3;
  };
};

/** Someone created an account. */
export function signUpEvent<Given extends SignUpEventFields>(
  fields: Exact<SignUpEventFields, Given>,
): SignUpEvent {
  return createEvent("SignUpEvent", {
    ...fields,
    born: utcDay(fields.born),
  });
}

export type SessionStart = {
  name: "_session.start";
  attributes: Record<string, never>;
  metrics: Record<string, never>;
};

export function sessionStart(): SessionStart {
  return createEvent("_session.start", {});
}

/** What {@link pageViewEvent} takes. */
export interface PageViewEventFields {
  path?: string;
  load_time?: number;
}

export type PageViewEvent = {
  name: "PageViewEvent";
  attributes: {
    path?: string;
  };
  metrics: {
    load_time?: number;
  };
};

export function pageViewEvent<Given extends PageViewEventFields>(
  fields?: Exact<PageViewEventFields, Given>,
): PageViewEvent {
  return createEvent("PageViewEvent", fields ?? {});
}

/** What {@link errorEvent} takes. */
export interface ErrorEventFields {
  message: string;
  [name: string]: string | number | boolean | Date | undefined;
}

export type ErrorEvent = {
  name: "ErrorEvent";
  attributes: {
    message: string;
    [name: string]: string | undefined;
  };
  metrics: Record<string, number | undefined>;
};

export function errorEvent<Given extends ErrorEventFields>(
  fields: Exact<ErrorEventFields, Given>,
): ErrorEvent {
  return createEvent("ErrorEvent", fields);
}

/** What {@link scoreEvent} takes. */
export interface ScoreEventFields {
  score: number | null;
  level: "low" | "high" | null;
}

export type ScoreEvent = {
  name: "ScoreEvent";
  attributes: {
    level?: "low" | "high";
  };
  metrics: {
    score?: number;
  };
};

export function scoreEvent<Given extends ScoreEventFields>(
  fields: Exact<ScoreEventFields, Given>,
): ScoreEvent {
  return createEvent("ScoreEvent", fields);
}

/** Every event of the schema; `name` tells them apart. */
export type ForebayEvent = SignUpEvent | SessionStart | PageViewEvent | ErrorEvent | ScoreEvent;

/** The rules of the schema, for `configure({ schema })`. */
export const schema =
  "3:SignUpEvent;Iemail@A^[!#-'*+/-9\\x3d\\x3fA-Z^-~-]+([.][!#-'*+/-9\\x3d\\x3fA-Z^-~-]+)*\\x40[0-9A-Za-z](|[0-9A-Za-z-]{0,61}[0-9A-Za-z])([.][0-9A-Za-z](|[0-9A-Za-z-]{0,61}[0-9A-Za-z]))*$@!^[^\\x40]{65}<A200;Iplan=free=pro=team<A200;Qreferrer<A100;Cseats>A1;Drating=1=2=3;Bterms=true;Bis_test_user;Aborn@C^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$@!^0000|-02-3|-(0[469]|11)-31|([02468][1-35-79]|[13579][013-57-9])(00|)-02-29<A200;Aconfirmed_at@B^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3])\\x3a[0-5][0-9]\\x3a[0-5][0-9]([.][0-9]+|)([Zz]|[+-]([01][0-9]|2[0-3])\\x3a[0-5][0-9])$@!^0000|-02-3|-(0[469]|11)-31|([02468][1-35-79]|[13579][013-57-9])(00|)-02-29|^0001-01-01.+[+].{0,4}[1-9]|^9999-12-31.+-.{0,4}[1-9]<A200:_session.start:PageViewEvent;Apath<A200;Dload_time:ErrorEvent@;Imessage<A200:ScoreEvent;Tscore;Qlevel=low=high<A200" as CompiledSchema;

/** A `Date` as the day that it is in UTC, e.g. `2026-11-21`; anything else as it is. */
function utcDay<Given>(date: Given): Given | string {
  return date instanceof Date && !Number.isNaN(date.getTime())
    ? date.toISOString().slice(0, 10)
    : date;
}
