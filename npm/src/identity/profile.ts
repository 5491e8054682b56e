import type { IdentifyUserInput } from "../types.js";

/** The body of UpdateEndpoint, as Amplify fills it. */
export function endpointOf(input: IdentifyUserInput, requestId: string): object {
  const { userId, userProfile, options } = input;
  const { email, name, plan, customProperties, demographic, location, metrics } = userProfile ?? {};
  const list = (value?: string) => value && [value];
  return {
    Address: options?.address,
    Attributes: {
      email: list(email),
      name: list(name),
      plan: list(plan),
      ...customProperties,
    },
    ChannelType: options?.channelType,
    Demographic: capitalized(demographic),
    EffectiveDate: new Date().toISOString(),
    Location: capitalized(location),
    Metrics: metrics,
    OptOut: options?.optOut,
    RequestId: requestId,
    User: { UserId: userId, UserAttributes: options?.userAttributes },
  };
}

/** `postalCode` is `PostalCode` on the wire. */
function capitalized(values?: object): object | undefined {
  return (
    values &&
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name[0].toUpperCase() + name.slice(1), value]),
    )
  );
}
