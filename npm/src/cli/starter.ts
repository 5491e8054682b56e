/** The schema that `init` writes: events that nearly every product has. */
export const STARTER_SCHEMA = `{
  "$schema": "./node_modules/forebay/schema.json",
  "title": "Events of our product",
  "x-version": 1,
  "$defs": {
    "SignUpEvent": {
      "title": "Signed up",
      "description": "Someone created an account.",
      "type": "object",
      "properties": {
        "email": {
          "description": "The address the account was created with.",
          "type": "string",
          "format": "email"
        },
        "plan": {
          "description": "The plan that was chosen.",
          "enum": ["free", "pro", "team"]
        },
        "referrer": {
          "description": "Where they say they heard of us; null when they would not say.",
          "type": ["string", "null"],
          "maxLength": 100
        }
      },
      "required": ["email", "plan"]
    },
    "SignInEvent": {
      "title": "Signed in",
      "description": "Someone came back to their account.",
      "type": "object",
      "properties": {
        "email": {
          "description": "The address of the account.",
          "type": "string",
          "format": "email"
        },
        "method": {
          "enum": ["password", "magic_link", "single_sign_on"]
        },
        "attempts": {
          "description": "How often they tried until it worked.",
          "type": "integer",
          "minimum": 1
        }
      },
      "required": ["email", "method"]
    }
  }
}
`;
