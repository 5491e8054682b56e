# --- firehose-iceberg, firehose-parquet --------------------------------------

resource "aws_cloudwatch_log_group" "firehose" {
  # checkov:skip=CKV_AWS_338: What could not be delivered is in the raw bucket; the log says why.
  count             = local.is_firehose ? 1 : 0
  name              = "/aws/kinesisfirehose/${var.name}"
  retention_in_days = 30
  kms_key_id        = aws_kms_key.this.arn
  tags              = local.tags
}

resource "aws_cloudwatch_log_stream" "firehose" {
  count          = local.is_firehose ? 1 : 0
  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.firehose[0].name
}

data "aws_iam_policy_document" "firehose_assumes" {
  count = local.is_firehose ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["firehose.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "firehose" {
  count              = local.is_firehose ? 1 : 0
  name               = "${var.name}-firehose"
  assume_role_policy = data.aws_iam_policy_document.firehose_assumes[0].json
  tags               = local.tags
}

data "aws_iam_policy_document" "firehose" {
  count = local.is_firehose ? 1 : 0

  statement {
    actions   = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
    resources = [aws_kinesis_stream.this.arn]
  }

  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }

  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.this["transform"].arn]
  }

  statement {
    actions = [
      "s3:AbortMultipartUpload",
      "s3:GetBucketLocation",
      "s3:GetObject",
      "s3:ListBucket",
      "s3:ListBucketMultipartUploads",
      "s3:PutObject",
      # Iceberg replaces its own metadata files.
      "s3:DeleteObject",
    ]

    resources = [
      aws_s3_bucket.lake.arn,
      "${aws_s3_bucket.lake.arn}/lake/*",
      aws_s3_bucket.raw.arn,
      "${aws_s3_bucket.raw.arn}/*",
    ]
  }

  statement {
    actions = [
      "glue:GetDatabase",
      "glue:GetTable",
      "glue:GetTableVersion",
      "glue:GetTableVersions",
      "glue:UpdateTable",
    ]

    resources = [
      "${local.catalog}:catalog",
      "${local.catalog}:database/${var.database}",
      "${local.catalog}:table/${var.database}/*",
    ]
  }

  statement {
    actions   = ["logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.firehose[0].arn}:*"]
  }
}

resource "aws_iam_role_policy" "firehose" {
  count  = local.is_firehose ? 1 : 0
  name   = "firehose"
  role   = aws_iam_role.firehose[0].id
  policy = data.aws_iam_policy_document.firehose[0].json
}

locals {
  # Rows are larger than their records, and an answer has 6 MB at most.
  processor_parameters = local.is_firehose ? {
    LambdaArn               = aws_lambda_function.this["transform"].arn
    BufferSizeInMBs         = "1"
    BufferIntervalInSeconds = "60"
    NumberOfRetries         = "3"
  } : {}
}

# Compacts Iceberg tables, and expires what is old in them.
data "aws_iam_policy_document" "glue" {
  count = local.is_iceberg ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "optimizer" {
  count              = local.is_iceberg ? 1 : 0
  name               = "${var.name}-optimizer"
  assume_role_policy = data.aws_iam_policy_document.glue[0].json
  tags               = local.tags
}

data "aws_iam_policy_document" "optimizer" {
  count = local.is_iceberg ? 1 : 0

  statement {
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.lake.arn}/lake/*"]
  }

  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.lake.arn]
  }

  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }

  statement {
    actions = ["glue:GetTable", "glue:UpdateTable"]

    resources = [
      "${local.catalog}:catalog",
      "${local.catalog}:database/${var.database}",
      "${local.catalog}:table/${var.database}/*",
    ]
  }

  statement {
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws-glue/iceberg-*"]
  }
}

resource "aws_iam_role_policy" "optimizer" {
  count  = local.is_iceberg ? 1 : 0
  name   = "optimizer"
  role   = aws_iam_role.optimizer[0].id
  policy = data.aws_iam_policy_document.optimizer[0].json
}

resource "aws_kinesis_firehose_delivery_stream" "iceberg" {
  # checkov:skip=CKV_AWS_240: The stream that it reads is encrypted; Firehose encrypts only what is put into it.
  # checkov:skip=CKV_AWS_241: As above.
  count       = local.is_iceberg ? 1 : 0
  name        = "${var.name}-lake"
  destination = "iceberg"
  tags        = local.tags

  # Firehose looks for the tables when it is made.
  depends_on = [terraform_data.tables, aws_iam_role_policy.firehose]

  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.this.arn
    role_arn           = aws_iam_role.firehose[0].arn
  }

  iceberg_configuration {
    # Duplicates are the views' to leave out; without updates Firehose scales by itself.
    append_only        = true
    catalog_arn        = "${local.catalog}:catalog"
    role_arn           = aws_iam_role.firehose[0].arn
    buffering_interval = var.window_seconds
    buffering_size     = 64
    retry_duration     = 3600
    s3_backup_mode     = "AllData"

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.firehose[0].name
      log_stream_name = aws_cloudwatch_log_stream.firehose[0].name
    }

    processing_configuration {
      enabled = true

      processors {
        type = "Lambda"

        dynamic "parameters" {
          for_each = local.processor_parameters

          content {
            parameter_name  = parameters.key
            parameter_value = parameters.value
          }
        }
      }
    }

    s3_configuration {
      bucket_arn          = aws_s3_bucket.raw.arn
      role_arn            = aws_iam_role.firehose[0].arn
      prefix              = "raw/"
      error_output_prefix = "failed/!{firehose:error-output-type}/"
      buffering_interval  = 300
      buffering_size      = 64
      compression_format  = "GZIP"

      cloudwatch_logging_options {
        enabled         = true
        log_group_name  = aws_cloudwatch_log_group.firehose[0].name
        log_stream_name = aws_cloudwatch_log_stream.firehose[0].name
      }
    }
  }
}

resource "aws_kinesis_firehose_delivery_stream" "parquet" {
  # checkov:skip=CKV_AWS_240: The stream that it reads is encrypted; Firehose encrypts only what is put into it.
  # checkov:skip=CKV_AWS_241: As above.
  count       = local.is_parquet ? 1 : 0
  name        = "${var.name}-lake"
  destination = "extended_s3"
  tags        = local.tags
  depends_on  = [terraform_data.tables, aws_iam_role_policy.firehose]

  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.this.arn
    role_arn           = aws_iam_role.firehose[0].arn
  }

  extended_s3_configuration {
    bucket_arn = aws_s3_bucket.lake.arn
    role_arn   = aws_iam_role.firehose[0].arn

    # By when events happened, as the function says, and not by when they arrived.
    prefix              = "lake/events/!{partitionKeyFromLambda:table}/year=!{partitionKeyFromLambda:year}/month=!{partitionKeyFromLambda:month}/day=!{partitionKeyFromLambda:day}/"
    error_output_prefix = "lake/failed/!{firehose:error-output-type}/"
    file_extension      = ".parquet"
    buffering_interval  = var.window_seconds
    buffering_size      = 64
    s3_backup_mode      = "Enabled"

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.firehose[0].name
      log_stream_name = aws_cloudwatch_log_stream.firehose[0].name
    }

    processing_configuration {
      enabled = true

      processors {
        type = "Lambda"

        dynamic "parameters" {
          for_each = local.processor_parameters

          content {
            parameter_name  = parameters.key
            parameter_value = parameters.value
          }
        }
      }
    }

    dynamic_partitioning_configuration {
      enabled        = true
      retry_duration = 3600
    }

    data_format_conversion_configuration {
      input_format_configuration {
        deserializer {
          open_x_json_ser_de {}
        }
      }

      output_format_configuration {
        serializer {
          parquet_ser_de {
            compression = "SNAPPY"
          }
        }
      }

      schema_configuration {
        database_name = aws_glue_catalog_database.lake.name
        table_name    = "forebay__rows"
        role_arn      = aws_iam_role.firehose[0].arn
        region        = local.region
      }
    }

    s3_backup_configuration {
      bucket_arn          = aws_s3_bucket.raw.arn
      role_arn            = aws_iam_role.firehose[0].arn
      prefix              = "raw/"
      error_output_prefix = "failed/!{firehose:error-output-type}/"
      buffering_interval  = 300
      buffering_size      = 64
      compression_format  = "GZIP"

      cloudwatch_logging_options {
        enabled         = true
        log_group_name  = aws_cloudwatch_log_group.firehose[0].name
        log_stream_name = aws_cloudwatch_log_stream.firehose[0].name
      }
    }
  }
}
