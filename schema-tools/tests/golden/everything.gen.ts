// Written by `npx forebay codegen` from forebay.schema.json. Do not edit: change the schema and run
// it again.

import { type CompiledSchema, createEvent, type Exact } from "forebay";

/** What {@link signUpEvent} takes. */
export interface SignUpEventFields {
  /**
   * Email
   *
   * The address the account was created with.
   *
   * Email address, at most 200 characters. Personal data: hashed at the edge; only the hash is
   * kept.
   *
   * @example "ada@example.com"
   * @example "grace@example.org"
   */
  email: string;
  /** The plan that was chosen. */
  plan?: "free" | "pro" | "team";
  /** Whole number, at least 1, at most 500. */
  seats?: number;
  /**
   * Where the visitor says they heard of us; null when they would not say.
   *
   * At most 100 characters.
   */
  referrer?: string | null;
  /** 1 to 80 characters. Personal data: masked at the edge; only its first character is kept. */
  full_name?: string;
  /**
   * Only held against the rules; nobody needs it.
   *
   * 5 to 20 characters. Personal data: checked and dropped where it is recorded, never sent.
   */
  phone: string | null;
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
    full_name?: string;
    phone?: string;
  };
  metrics: {
    seats?: number;
  };
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

/** What {@link sessionStarted} takes. */
export interface SessionStartedFields {
  /** At least 1 character. */
  "page-path"?: string;
  "utm.source"?: "news";
  first_visit?: boolean;
  [name: string]: string | number | boolean | Date | undefined;
}

/**
 * Recorded by the page itself.
 *
 * The name on the wire is that of Amplify. *\/ alert('x') /*
 */
export type SessionStarted = {
  name: "_session.start";
  attributes: {
    "page-path"?: string;
    "utm.source"?: "news";
    first_visit?: "true" | "false";
    [name: string]: string | undefined;
  };
  metrics: Record<string, number | undefined>;
};

/**
 * Recorded by the page itself.
 *
 * The name on the wire is that of Amplify. *\/ alert('x') /*
 */
export function sessionStarted<Given extends SessionStartedFields>(
  fields?: Exact<SessionStartedFields, Given>,
): SessionStarted {
  return createEvent("_session.start", fields ?? {});
}

/**
 * What {@link deleteEvent} takes.
 *
 * @deprecated
 */
export interface DeleteEventFields {
  /**
   * \@deprecated is a word here, and so are <\/script>, `code` and a|b <b>bold<\/b>.
   *
   * @example "it's"
   * @example null
   * @deprecated
   */
  reason?:
    | "it's"
    | 'say "hi"'
    | "a'b\"c"
    | "back\\slash"
    | "line\nbreak"
    | "\u2028"
    | "\u003c/script>"
    | "`tick` | pipe"
    | null;
}

/**
 * Deleted
 *
 * @deprecated
 */
export type DeleteEvent = {
  name: "Delete";
  attributes: {
    reason?:
      | "it's"
      | 'say "hi"'
      | "a'b\"c"
      | "back\\slash"
      | "line\nbreak"
      | "\u2028"
      | "\u003c/script>"
      | "`tick` | pipe";
  };
  metrics: Record<string, never>;
};

/**
 * Deleted
 *
 * @deprecated
 */
export function deleteEvent<Given extends DeleteEventFields>(
  fields?: Exact<DeleteEventFields, Given>,
): DeleteEvent {
  return createEvent("Delete", fields ?? {});
}

export type Logout = {
  name: "Logout";
  attributes: Record<string, never>;
  metrics: Record<string, never>;
};

export function logout(): Logout {
  return createEvent("Logout", {});
}

/** What {@link piecePlayedEvent} takes. */
export interface PiecePlayedEventFields {
  /**
   * 3 characters.
   *
   * @example "BWV"
   */
  piece: string;
  /** More than 0, less than 600.5. */
  minutes: number;
  /** Whole number, at least 0. */
  mistakes: number | null;
  completed: boolean;
  paid?: true;
  tempo?: 0.5 | 1 | 2 | -1;
  level?: 1 | 2 | 3;
  /** Date and time (RFC 3339). */
  started_at?: string | Date;
  /** Date (as 2026-11-21). Personal data: masked at the edge; only its year is kept. */
  birthday?: string | Date | null;
  /** Date (as 2026-11-21). */
  "due-day": string | Date;
  /** Absolute URI. */
  score?: string;
  /** UUID. Personal data: hashed at the edge; only the hash is kept. */
  account?: string;
  /** As in our library. */
  composer_of_the_piece?:
    | "Johann Sebastian Bach"
    | "Ludwig van Beethoven"
    | "Clara Schumann"
    | "Fanny Hensel"
    | "Erik Satie"
    | "Florence Price";
}

/**
 * Piece played
 *
 * A practice session at the piano ended. This sentence is here to be longer than a line of code may
 * be, so that the comment it becomes has to be wrapped somewhere.
 */
export type PiecePlayedEvent = {
  name: "PiecePlayedEvent";
  attributes: {
    piece: string;
    completed: "true" | "false";
    paid?: "true";
    started_at?: string;
    birthday?: string;
    "due-day": string;
    score?: string;
    account?: string;
    composer_of_the_piece?:
      | "Johann Sebastian Bach"
      | "Ludwig van Beethoven"
      | "Clara Schumann"
      | "Fanny Hensel"
      | "Erik Satie"
      | "Florence Price";
  };
  metrics: {
    minutes: number;
    mistakes?: number;
    tempo?: 0.5 | 1 | 2 | -1;
    level?: 1 | 2 | 3;
  };
};

/**
 * Piece played
 *
 * A practice session at the piano ended. This sentence is here to be longer than a line of code may
 * be, so that the comment it becomes has to be wrapped somewhere.
 */
export function piecePlayedEvent<Given extends PiecePlayedEventFields>(
  fields: Exact<PiecePlayedEventFields, Given>,
): PiecePlayedEvent {
  return createEvent("PiecePlayedEvent", {
    ...fields,
    birthday: utcDay(fields.birthday),
    "due-day": utcDay(fields["due-day"]),
  });
}

/** What {@link anEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXx} takes. */
export interface AnEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXxFields {
  a_field_whose_name_is_as_long_as_a_name_can_po?: number;
}

export type AnEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXx = {
  name: "AnEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXx";
  attributes: Record<string, never>;
  metrics: {
    a_field_whose_name_is_as_long_as_a_name_can_po?: number;
  };
};

export function anEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXx<
  Given extends AnEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXxFields,
>(
  fields?: Exact<AnEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXxFields, Given>,
): AnEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXx {
  return createEvent("AnEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXx", fields ?? {});
}

/** Every event of the schema; `name` tells them apart. */
export type ForebayEvent =
  | SignUpEvent
  | SessionStarted
  | DeleteEvent
  | Logout
  | PiecePlayedEvent
  | AnEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXx;

/** The rules of the schema, for `configure({ schema })`. */
export const schema =
  "3:SignUpEvent;Iemail@A^[!#-'*+/-9\\x3d\\x3fA-Z^-~-]+([.][!#-'*+/-9\\x3d\\x3fA-Z^-~-]+)*\\x40[0-9A-Za-z](|[0-9A-Za-z-]{0,61}[0-9A-Za-z])([.][0-9A-Za-z](|[0-9A-Za-z-]{0,61}[0-9A-Za-z]))*$@!^[^\\x40]{65}<A200;Aplan=free=pro=team<A200;Cseats>A1<A500;Qreferrer<A100;Afull_name>A1<A80;Uphone>A5<A20:_session.start@;Apage-path>A1<A200;Autm.source=news<A200;Bfirst_visit:Delete;Qreason=it's=say \"hi\"=a'b\"c=back\\slash=line\nbreak=\u2028=?\u003c/script?>=`tick` | pipe<A200:Logout:PiecePlayedEvent;Ipiece>A3<A3;Lminutes>B0<B600.5;Smistakes>A0;Jcompleted;Bpaid=true;Dtempo=0.5=1.0=2=-1;Clevel=1=2=3;Astarted_at@B^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3])\\x3a[0-5][0-9]\\x3a[0-5][0-9]([.][0-9]+|)([Zz]|[+-]([01][0-9]|2[0-3])\\x3a[0-5][0-9])$@!^0000|-02-3|-(0[469]|11)-31|([02468][1-35-79]|[13579][013-57-9])(00|)-02-29|^0001-01-01.+[+].{0,4}[1-9]|^9999-12-31.+-.{0,4}[1-9]<A200;Qbirthday@C^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$@!^0000|-02-3|-(0[469]|11)-31|([02468][1-35-79]|[13579][013-57-9])(00|)-02-29<A200;Idue-day@C^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$@!^0000|-02-3|-(0[469]|11)-31|([02468][1-35-79]|[13579][013-57-9])(00|)-02-29<A200;Ascore@E^[A-Za-z][0-9A-Za-z+.-]*\\x3a(//([!$%&'-.0-\\x3b\\x3dA-Z_a-z~]*\\x40|)(\\[[0-9A-Za-z.\\x3a]*\\]|[!$%&'-.0-9\\x3b\\x3dA-Z_a-z~]*)(\\x3a[0-9]*|)(/[!$%&'-\\x3b\\x3d\\x40-Z_a-z~]*|)|(/|)([!$%&'-.0-\\x3b\\x3d\\x40-Z_a-z~][!$%&'-\\x3b\\x3d\\x40-Z_a-z~]*|))(\\x3f[!$%&'-\\x3b\\x3d\\x3f-Z_a-z~]*|)(#[!$%&'-\\x3b\\x3d\\x3f-Z_a-z~]*|)$@!%.{0,1}([^0-9A-Fa-f]|$)<A200;Aaccount@D^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$<A200;Acomposer_of_the_piece=Johann Sebastian Bach=Ludwig van Beethoven=Clara Schumann=Fanny Hensel=Erik Satie=Florence Price<A200:AnEventTypeWhoseNameIsAsLongAsANameCanPossiblyBeXx;Da_field_whose_name_is_as_long_as_a_name_can_po" as CompiledSchema;

/** A `Date` as the day that it is in UTC, e.g. `2026-11-21`; anything else as it is. */
function utcDay<Given>(date: Given): Given | string {
  return date instanceof Date && !Number.isNaN(date.getTime())
    ? date.toISOString().slice(0, 10)
    : date;
}
