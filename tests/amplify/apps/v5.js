// An app as the documentation of Amplify v5 has it. The tests change its import and its configuration.

import { Amplify, Analytics } from "aws-amplify";

Amplify.configure({
  Auth: {
    identityPoolId: "us-east-1:f0e1d2c3-0000-4000-8000-000000000001",
    region: "us-east-1",
    mandatorySignIn: false,
  },
  Analytics: {
    disabled: false,
    autoSessionRecord: true,
    AWSPinpoint: { appId: "f0e1d2c3b4a5968778695a4b3c2d1e0f", region: "us-east-1" },
  },
});

Analytics.autoTrack("pageView", {
  enable: true,
  eventName: "pageView",
  attributes: () => ({ shop: "north" }),
  type: "SPA",
  provider: "AWSPinpoint",
});
Analytics.autoTrack("event", { enable: true, events: ["click"] });

document.querySelector("#visit").addEventListener("click", async () => {
  await Analytics.record({
    name: "albumVisit",
    attributes: { genre: "baroque", artist: "Bach" },
    metrics: { minutesListened: 30 },
    immediate: true,
  });
});

document.querySelector("#profile").addEventListener("click", async () => {
  await Analytics.updateEndpoint({
    address: "ada@example.com",
    channelType: "EMAIL",
    attributes: { hobbies: ["piano", "chess"] },
    demographic: { platform: "web", locale: "en_GB" },
    location: { city: "London", postalCode: "W1" },
    metrics: { logins: 3 },
    optOut: "NONE",
    userId: "user-1",
    userAttributes: { interests: ["music"] },
  });
});

document.querySelector("#quiet").addEventListener("click", async () => {
  Analytics.disable();
  await Analytics.record({ name: "unheard" });
  Analytics.enable();
});

document.querySelector("#open").addEventListener("click", () => {
  history.pushState(null, "", "/albums/7?from=list");
});

document.querySelector("#session").addEventListener("click", async () => {
  await Analytics.stopSession();
  await Analytics.startSession();
});
