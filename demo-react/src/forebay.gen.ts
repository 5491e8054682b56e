// Written by `npx forebay codegen` from forebay.schema.json. Do not edit: change the schema and run
// it again.

import { type CompiledSchema, createEvent, type Exact } from "forebay";

/** What {@link signUpEvent} takes. */
export interface SignUpEventFields {
  /**
   * The address the account was created with.
   *
   * Email address, at most 200 characters.
   */
  email: string;
  /** The plan that was chosen. */
  plan?: "free" | "pro" | "team";
  /**
   * Where the visitor says they heard of us; null when they would not say.
   *
   * At most 100 characters.
   */
  referrer?: string | null;
}

/**
 * Signed up
 *
 * Someone created an account.
 */
export type SignUpEvent = {
  name: "SignUpEvent";
  attributes: {
    email: string;
    plan?: "free" | "pro" | "team";
    referrer?: string;
  };
  metrics: Record<string, never>;
};

/**
 * Signed up
 *
 * Someone created an account.
 */
export function signUpEvent<Given extends SignUpEventFields>(
  fields: Exact<SignUpEventFields, Given>,
): SignUpEvent {
  return createEvent("SignUpEvent", fields);
}

/** What {@link signInEvent} takes. */
export interface SignInEventFields {
  /** Email address, at most 200 characters. */
  email: string;
  /**
   * Account id.
   *
   * UUID.
   */
  id: string;
  /** Set for accounts of our own that must not count. */
  is_test_user: boolean;
  user_type: "student" | "teacher" | "admin";
}

/**
 * Signed in
 *
 * Someone came back to their account.
 */
export type SignInEvent = {
  name: "SignInEvent";
  attributes: {
    email: string;
    id: string;
    is_test_user: "true" | "false";
    user_type: "student" | "teacher" | "admin";
  };
  metrics: Record<string, never>;
};

/**
 * Signed in
 *
 * Someone came back to their account.
 */
export function signInEvent<Given extends SignInEventFields>(
  fields: Exact<SignInEventFields, Given>,
): SignInEvent {
  return createEvent("SignInEvent", fields);
}

/** What {@link piecePlayedEvent} takes. */
export interface PiecePlayedEventFields {
  /** 1 to 100 characters. */
  piece: string;
  /** More than 0, at most 600. */
  minutes: number;
  /** Whole number, at least 0. */
  mistakes?: number;
  completed: boolean;
  /** Date and time (RFC 3339). */
  started_at?: string | Date;
}

/**
 * Piece played
 *
 * A practice session at the piano ended.
 */
export type PiecePlayedEvent = {
  name: "PiecePlayedEvent";
  attributes: {
    piece: string;
    completed: "true" | "false";
    started_at?: string;
  };
  metrics: {
    minutes: number;
    mistakes?: number;
  };
};

/**
 * Piece played
 *
 * A practice session at the piano ended.
 */
export function piecePlayedEvent<Given extends PiecePlayedEventFields>(
  fields: Exact<PiecePlayedEventFields, Given>,
): PiecePlayedEvent {
  return createEvent("PiecePlayedEvent", fields);
}

/** Every event of the schema; `name` tells them apart. */
export type ForebayEvent = SignUpEvent | SignInEvent | PiecePlayedEvent;

/** The rules of the schema, for `configure({ schema })`. */
export const schema =
  "3:SignUpEvent;Iemail@A^[!#-'*+/-9\\x3d\\x3fA-Z^-~-]+([.][!#-'*+/-9\\x3d\\x3fA-Z^-~-]+)*\\x40[0-9A-Za-z](|[0-9A-Za-z-]{0,61}[0-9A-Za-z])([.][0-9A-Za-z](|[0-9A-Za-z-]{0,61}[0-9A-Za-z]))*$@!^[^\\x40]{65}<A200;Aplan=free=pro=team<A200;Qreferrer<A100:SignInEvent;Iemail@A^[!#-'*+/-9\\x3d\\x3fA-Z^-~-]+([.][!#-'*+/-9\\x3d\\x3fA-Z^-~-]+)*\\x40[0-9A-Za-z](|[0-9A-Za-z-]{0,61}[0-9A-Za-z])([.][0-9A-Za-z](|[0-9A-Za-z-]{0,61}[0-9A-Za-z]))*$@!^[^\\x40]{65}<A200;Iid@D^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$<A200;Jis_test_user;Iuser_type=student=teacher=admin<A200:PiecePlayedEvent;Ipiece>A1<A100;Lminutes>B0<A600;Cmistakes>A0;Jcompleted;Astarted_at@B^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3])\\x3a[0-5][0-9]\\x3a[0-5][0-9]([.][0-9]+|)([Zz]|[+-]([01][0-9]|2[0-3])\\x3a[0-5][0-9])$@!^0000|-02-3|-(0[469]|11)-31|([02468][1-35-79]|[13579][013-57-9])(00|)-02-29|^0001-01-01.+[+].{0,4}[1-9]|^9999-12-31.+-.{0,4}[1-9]<A200" as CompiledSchema;
