// Who may read personal data, as a stack of Lake Formation beside the lake's own: a tag on each column of personal data,
// and a role for analysts that reads the columns without it.

const TAG = "forebay_personal";
const account = { Ref: "AWS::AccountId" };
const database = { Ref: "DatabaseName" };

const tagged = (value) => [{ CatalogId: account, TagKey: TAG, TagValues: [value] }];

function associated(resource, value, after) {
  return {
    Type: "AWS::LakeFormation::TagAssociation",
    DependsOn: after,
    Properties: { Resource: resource, LFTags: tagged(value) },
  };
}

function granted(role, resource, permissions) {
  return {
    Type: "AWS::LakeFormation::PrincipalPermissions",
    DependsOn: "NotPersonal",
    Properties: {
      Principal: { DataLakePrincipalIdentifier: role },
      Resource: resource,
      Permissions: permissions,
      PermissionsWithGrantOption: [],
    },
  };
}

/** What is not tagged as personal: databases or tables. */
function notPersonal(type) {
  const expression = [{ TagKey: TAG, TagValues: ["no"] }];
  return { LFTagPolicy: { CatalogId: account, ResourceType: type, Expression: expression } };
}

function role(principal, statements) {
  return {
    Type: "AWS::IAM::Role",
    Properties: {
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole" }],
      },
      Policies: [
        {
          PolicyName: "lake",
          PolicyDocument: { Version: "2012-10-17", Statement: statements },
        },
      ],
    },
  };
}

const allowed = (actions, ...resources) => ({
  Effect: "Allow",
  Action: actions,
  Resource: resources.map((resource) =>
    typeof resource === "string" ? { "Fn::Sub": resource } : resource,
  ),
});

/** By it Lake Formation reads the lake's files for those whom it lets. */
const reader = role({ Service: "lakeformation.amazonaws.com" }, [
  allowed(["s3:GetObject"], `arn:\${AWS::Partition}:s3:::\${LakeBucket}/lake/*`),
  allowed(["s3:ListBucket"], `arn:\${AWS::Partition}:s3:::\${LakeBucket}`),
  allowed(["kms:Decrypt"], { Ref: "KeyArn" }),
]);

const analyst = role({ AWS: { Ref: "AnalystPrincipal" } }, [
  {
    // It has no resources of its own: Lake Formation's grants say what it gives.
    ...allowed(["lakeformation:GetDataAccess"]),
    Resource: "*",
  },
  allowed(
    ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"],
    `arn:\${AWS::Partition}:glue:\${AWS::Region}:\${AWS::AccountId}:catalog`,
    `arn:\${AWS::Partition}:glue:\${AWS::Region}:\${AWS::AccountId}:database/\${DatabaseName}`,
    `arn:\${AWS::Partition}:glue:\${AWS::Region}:\${AWS::AccountId}:table/\${DatabaseName}/*`,
  ),
  allowed(
    [
      "athena:GetQueryExecution",
      "athena:GetQueryResults",
      "athena:GetWorkGroup",
      "athena:StartQueryExecution",
      "athena:StopQueryExecution",
    ],
    `arn:\${AWS::Partition}:athena:\${AWS::Region}:\${AWS::AccountId}:workgroup/\${WorkGroup}`,
  ),
  allowed(
    ["s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
    `arn:\${AWS::Partition}:s3:::\${ResultBucket}`,
    `arn:\${AWS::Partition}:s3:::\${ResultBucket}/*`,
  ),
  allowed(["kms:Decrypt", "kms:GenerateDataKey"], { Ref: "KeyArn" }),
]);

/** The template, of tables with names and columns. */
export function lakeFormation(tables) {
  const personal = tables.flatMap(({ name, columns }) => {
    const names = columns.filter(({ is_personal }) => is_personal).map(({ name }) => name);
    if (names.length === 0) return [];
    const place = { CatalogId: account, DatabaseName: database, Name: name, ColumnNames: names };
    const id = `Personal${Buffer.from(name).toString("hex")}`;
    return [[id, associated({ TableWithColumns: place }, "yes", "NotPersonal")]];
  });
  return {
    AWSTemplateFormatVersion: "2010-09-09",
    Description: "Who may read personal data of a Forebay lake, made by tables.mjs.",
    Parameters: {
      DatabaseName: { Type: "String", AllowedPattern: "[a-z][a-z0-9_]*" },
      LakeBucket: { Type: "String" },
      ResultBucket: { Type: "String" },
      KeyArn: { Type: "String" },
      WorkGroup: { Type: "String" },
      AnalystPrincipal: {
        Type: "String",
        Description: "The ARN of who may take the role of an analyst.",
      },
    },
    Resources: {
      Tag: {
        Type: "AWS::LakeFormation::Tag",
        Properties: { CatalogId: account, TagKey: TAG, TagValues: ["no", "yes"] },
      },
      // Tables and columns have the tag of their database where they have none of their own.
      NotPersonal: associated({ Database: { CatalogId: account, Name: database } }, "no", "Tag"),
      ...Object.fromEntries(personal),
      ReaderRole: reader,
      Files: {
        Type: "AWS::LakeFormation::Resource",
        Properties: {
          ResourceArn: { "Fn::Sub": `arn:\${AWS::Partition}:s3:::\${LakeBucket}/lake` },
          RoleArn: { "Fn::GetAtt": ["ReaderRole", "Arn"] },
          UseServiceLinkedRole: false,
        },
      },
      AnalystRole: analyst,
      AnalystDatabase: granted({ "Fn::GetAtt": ["AnalystRole", "Arn"] }, notPersonal("DATABASE"), [
        "DESCRIBE",
      ]),
      AnalystTables: granted({ "Fn::GetAtt": ["AnalystRole", "Arn"] }, notPersonal("TABLE"), [
        "SELECT",
        "DESCRIBE",
      ]),
    },
    Outputs: {
      AnalystRoleArn: { Value: { "Fn::GetAtt": ["AnalystRole", "Arn"] } },
    },
  };
}
