# Forebay on AWS: a stream, and one of four ways from it to tables in Athena. See docs/deploy-aws.md.
#
# Exceptions of checkov stand at the resources that they are of, each with its reason.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
  location  = "s3://${aws_s3_bucket.lake.bucket}/lake"
  catalog   = "arn:${local.partition}:glue:${local.region}:${local.account}"

  is_pipe     = var.delivery == "pipe"
  is_iceberg  = var.delivery == "firehose-iceberg"
  is_parquet  = var.delivery == "firehose-parquet"
  is_firehose = local.is_iceberg || local.is_parquet
  is_stream   = !local.is_firehose

  # The functions of this delivery, and what each is told.
  functions = merge(
    local.is_stream ? {
      stream  = { FOREBAY_LAKE = local.location }
      compact = { FOREBAY_LAKE = local.location }
    } : {},
    local.is_pipe ? { enrichment = {} } : {},
    local.is_firehose ? {
      transform = {
        FOREBAY_DESTINATION = local.is_iceberg ? "iceberg" : "parquet"
        FOREBAY_DATABASE    = var.database
      }
    } : {},
  )

  alarm_actions = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
  tags          = { Environment = var.environment }
}

# --- encryption --------------------------------------------------------------

resource "aws_kms_key" "this" {
  description         = "${var.name}: stream, lake, queues and logs"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.key.json
  tags                = local.tags
}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109: It is the policy of a key, whose resource is that key.
  # checkov:skip=CKV_AWS_111: As above.
  # checkov:skip=CKV_AWS_356: As above.

  # Roles of this account may be given what they need of the key by their own policies.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${local.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:*"]
    }
  }

  statement {
    sid       = "Events"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# --- the stream, and who may write to it -------------------------------------

resource "aws_kinesis_stream" "this" {
  name             = "${var.name}-events"
  retention_period = var.retention_hours
  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.this.arn
  tags             = local.tags

  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}

# Events that the worker refused for good. They are few: a shard is enough.
resource "aws_kinesis_stream" "dead_letters" {
  name             = "${var.name}-dead-letters"
  retention_period = 168
  shard_count      = 1
  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.this.arn
  tags             = local.tags

  stream_mode_details {
    stream_mode = "PROVISIONED"
  }
}

# For the credentials that the worker is given.
resource "aws_iam_policy" "writer" {
  name   = "${var.name}-writer"
  policy = data.aws_iam_policy_document.writer.json
  tags   = local.tags
}

data "aws_iam_policy_document" "writer" {
  statement {
    actions   = ["kinesis:DescribeStreamSummary", "kinesis:PutRecords"]
    resources = [aws_kinesis_stream.this.arn, aws_kinesis_stream.dead_letters.arn]
  }

  statement {
    actions   = ["kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_cognito_identity_pool" "this" {
  # checkov:skip=CKV_AWS_366: Visitors send events before they sign up; the role of guests lets them do that alone.
  count                            = var.application_id == null ? 0 : 1
  identity_pool_name               = var.name
  allow_unauthenticated_identities = true
  allow_classic_flow               = true
  tags                             = local.tags

  dynamic "cognito_identity_providers" {
    for_each = var.user_pool == null ? [] : [var.user_pool]

    content {
      provider_name           = cognito_identity_providers.value.provider_name
      client_id               = cognito_identity_providers.value.client_id
      server_side_token_check = false
    }
  }
}

data "aws_iam_policy_document" "identity" {
  for_each = var.application_id == null ? [] : toset(["unauthenticated", "authenticated"])

  statement {
    actions = concat(
      ["sts:AssumeRoleWithWebIdentity"],
      each.key == "authenticated" ? ["sts:TagSession"] : [],
    )

    principals {
      type        = "Federated"
      identifiers = ["cognito-identity.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "cognito-identity.amazonaws.com:aud"
      values   = [aws_cognito_identity_pool.this[0].id]
    }

    condition {
      test     = "ForAnyValue:StringLike"
      variable = "cognito-identity.amazonaws.com:amr"
      values   = [each.key]
    }
  }
}

resource "aws_iam_role" "identity" {
  for_each           = data.aws_iam_policy_document.identity
  name               = "${var.name}-${each.key}"
  assume_role_policy = each.value.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "identity" {
  for_each = aws_iam_role.identity
  name     = "events"
  role     = each.value.id
  policy   = data.aws_iam_policy_document.events[0].json
}

data "aws_iam_policy_document" "events" {
  count = var.application_id == null ? 0 : 1

  statement {
    actions   = ["mobiletargeting:PutEvents", "mobiletargeting:UpdateEndpoint"]
    resources = ["arn:${local.partition}:mobiletargeting:*:${local.account}:apps/${var.application_id}/*"]
  }
}

resource "aws_cognito_identity_pool_roles_attachment" "this" {
  count            = var.application_id == null ? 0 : 1
  identity_pool_id = aws_cognito_identity_pool.this[0].id
  roles            = { for kind, role in aws_iam_role.identity : kind => role.arn }
}
