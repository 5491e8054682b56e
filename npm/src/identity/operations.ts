// Operations of Cognito Identity that more than one file asks for.

export const GET_CREDENTIALS = "GetCredentialsForIdentity";
