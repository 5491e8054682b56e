// People and practice that do not exist, to fill forms and bursts with.

import {
  type ForebayEvent,
  type PiecePlayedEventFields,
  piecePlayedEvent,
  type SignInEventFields,
  type SignUpEventFields,
  signInEvent,
  signUpEvent,
} from "./forebay.gen";

const NAMES = "ada astrid björn clara elin felix greta hugo ida linus maja nils signe ture".split(
  " ",
);
const PIECES = ["Clair de lune", "Gymnopédie No. 1", "Für Elise", "Prelude in C", "Träumerei"];
const REFERRERS = ["a friend", "search", "a podcast", null];

export function sampleSignUp(): Required<SignUpEventFields> {
  return { email: email(), plan: pick(["free", "pro", "team"]), referrer: pick(REFERRERS) };
}

export function sampleSignIn(): SignInEventFields {
  return {
    email: email(),
    id: crypto.randomUUID(),
    is_test_user: Math.random() < 0.1,
    user_type: pick(["student", "teacher", "admin"]),
  };
}

function samplePiece(): PiecePlayedEventFields {
  return {
    piece: pick(PIECES),
    minutes: Math.round(10 + Math.random() * 500) / 10,
    mistakes: Math.floor(Math.random() * 40),
    completed: Math.random() < 0.7,
    started_at: new Date(Date.now() - 3_600_000),
  };
}

/** One event of any type, practice the most frequent. */
export function sampleEvent(): ForebayEvent {
  const kind = Math.random();
  if (kind < 0.55) return piecePlayedEvent(samplePiece());
  return kind < 0.8 ? signInEvent(sampleSignIn()) : signUpEvent(sampleSignUp());
}

function email() {
  const name = pick(NAMES).normalize("NFD").replace(/\p{M}/gu, "");
  return `${name}.${Math.floor(Math.random() * 9000 + 1000)}@example.com`;
}

function pick<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)] as T;
}
