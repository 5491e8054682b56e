import type { AnalyticsEvent } from "forebay";

/** Someone created an account. */
export interface SignUp {
  /** The address the account was created with. */
  email: string;
  plan?: "free" | "pro" | "team";
  /** Where the visitor says they heard of us; null when they would not say. */
  referrer?: string | null;
}

/** Someone came back to their account. */
export interface SignIn {
  email: string;
  /** Account id, a UUID. */
  id: string;
  /** Set for accounts of our own that must not count. */
  is_test_user: boolean;
  user_type: "student" | "teacher" | "admin";
}

/** A practice session at the piano ended. */
export interface PiecePlayed {
  piece: string;
  minutes: number;
  mistakes?: number;
  completed: boolean;
  started_at?: Date;
}

export function signUpEvent({ email, plan, referrer }: SignUp): AnalyticsEvent {
  return { name: "SignUpEvent", attributes: attributes({ email, plan, referrer }) };
}

export function signInEvent({ email, id, is_test_user, user_type }: SignIn): AnalyticsEvent {
  return {
    name: "SignInEvent",
    attributes: attributes({ email, id, is_test_user, user_type }),
  };
}

export function piecePlayedEvent(played: PiecePlayed): AnalyticsEvent {
  const { piece, minutes, mistakes, completed, started_at } = played;
  return {
    name: "PiecePlayedEvent",
    attributes: attributes({ piece, completed, started_at: started_at?.toISOString() }),
    metrics: mistakes === undefined ? { minutes } : { minutes, mistakes },
  };
}

/** On the wire an attribute is a string, and one that is null or not given is left out. */
function attributes(values: Record<string, string | boolean | null | undefined>) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
