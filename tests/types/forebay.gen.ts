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
  '[1,1,["SignUpEvent",0,["email",4,null,null,1],["plan",4,null,null,null,"free","pro","team"],["referrer",8,null,100],["seats",2,1],["rating",3,null,null,null,null,1,2,3],["terms",1,true],["is_test_user",1],["born",0,null,null,3],["confirmed_at",0,null,null,2]],["_session.start",0],["PageViewEvent",0,["path",0],["load_time",3]],["ErrorEvent",1,["message",4]],["ScoreEvent",0,["score",15],["level",12,null,null,null,"low","high"]]]' as CompiledSchema;

/** A `Date` as the day that it is in UTC, e.g. `2026-11-21`; anything else as it is. */
function utcDay<Given>(date: Given): Given | string {
  return date instanceof Date && !Number.isNaN(date.getTime())
    ? date.toISOString().slice(0, 10)
    : date;
}
