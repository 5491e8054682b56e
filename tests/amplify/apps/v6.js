// An app as the documentation of Amplify v6 has it. The tests change its imports and its configuration.

import { Amplify } from "aws-amplify";
import {
  configureAutoTrack,
  disable,
  enable,
  flushEvents,
  identifyUser,
  record,
} from "aws-amplify/analytics";

Amplify.configure({
  Analytics: {
    Pinpoint: { appId: "f0e1d2c3b4a5968778695a4b3c2d1e0f", region: "us-east-1" },
  },
  Auth: {
    Cognito: {
      identityPoolId: "us-east-1:f0e1d2c3-0000-4000-8000-000000000001",
      allowGuestAccess: true,
    },
  },
});

configureAutoTrack({ enable: true, type: "session", options: { attributes: { shop: "north" } } });
configureAutoTrack({
  enable: true,
  type: "pageView",
  options: { eventName: "pageView", attributes: { shop: "north" }, appType: "singlePage" },
});
configureAutoTrack({
  enable: true,
  type: "event",
  options: { events: ["click"], selectorPrefix: "data-amplify-analytics-" },
});

document.querySelector("#visit").addEventListener("click", () => {
  record({
    name: "albumVisit",
    attributes: { genre: "baroque", artist: "Bach" },
    metrics: { minutesListened: 30 },
  });
});

document.querySelector("#profile").addEventListener("click", async () => {
  await identifyUser({
    userId: "user-1",
    userProfile: {
      email: "ada@example.com",
      name: "Ada",
      plan: "pro",
      customProperties: { hobbies: ["piano", "chess"] },
      demographic: { platform: "web", locale: "en_GB" },
      location: { city: "London", postalCode: "W1" },
      metrics: { logins: 3 },
    },
    options: { optOut: "NONE", userAttributes: { interests: ["music"] } },
  });
});

document.querySelector("#quiet").addEventListener("click", () => {
  disable();
  record({ name: "unheard" });
  enable();
});

document.querySelector("#open").addEventListener("click", () => {
  history.pushState(null, "", "/albums/7?from=list");
});

document.querySelector("#flush").addEventListener("click", () => flushEvents());
