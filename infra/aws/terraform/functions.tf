# --- the functions of the delivery -------------------------------------------

resource "aws_cloudwatch_log_group" "function" {
  # checkov:skip=CKV_AWS_338: Lines are counts of an invocation, without data; metrics keep them for longer.
  for_each          = local.functions
  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = 30
  kms_key_id        = aws_kms_key.this.arn
  tags              = local.tags
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  for_each           = local.functions
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
  tags               = local.tags
}

data "aws_iam_policy_document" "function" {
  for_each = local.functions

  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }

  # The others ask nothing of AWS.
  dynamic "statement" {
    for_each = lookup(local.statements, each.key, [])

    content {
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}

locals {
  # Dead letters are rows, too: of the table dead_letter.
  sources = local.is_stream ? {
    events       = aws_kinesis_stream.this.arn
    dead-letters = aws_kinesis_stream.dead_letters.arn
  } : {}

  read_stream = [
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
  ]

  use_key = { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = [aws_kms_key.this.arn] }

  statements = {
    stream = [
      {
        actions   = local.read_stream
        resources = [aws_kinesis_stream.this.arn, aws_kinesis_stream.dead_letters.arn]
      },
      {
        actions = ["s3:PutObject"]
        resources = [
          "${aws_s3_bucket.lake.arn}/lake/events/*",
          "${aws_s3_bucket.lake.arn}/lake/rejected/*",
          # Batches that could not be written, which Lambda keeps.
          "${aws_s3_bucket.raw.arn}/aws/lambda/*",
        ]
      },
      { actions = ["s3:ListBucket"], resources = [aws_s3_bucket.raw.arn] },
      local.use_key,
    ]
    compact = [
      {
        actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        resources = ["${aws_s3_bucket.lake.arn}/lake/*"]
      },
      { actions = ["s3:ListBucket"], resources = [aws_s3_bucket.lake.arn] },
      local.use_key,
    ]
  }
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions
  name     = each.key
  role     = aws_iam_role.function[each.key].id
  policy   = data.aws_iam_policy_document.function[each.key].json
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50: A trace of one hop says nothing that the log line does not.
  # checkov:skip=CKV_AWS_115: An invocation a shard is all that the event source asks for; a limit would hold it up.
  # checkov:skip=CKV_AWS_116: The event source has the failure destination; nobody invokes it asynchronously.
  # checkov:skip=CKV_AWS_117: It talks to S3 alone, and needs no network of yours.
  # checkov:skip=CKV_AWS_173: The variables are names, and no secrets.
  # checkov:skip=CKV_AWS_272: The zip is built from source; who may deploy it is IAM's to say.
  for_each         = local.functions
  function_name    = "${var.name}-${each.key}"
  runtime          = "provided.al2023"
  handler          = each.key
  architectures    = [var.architecture]
  filename         = var.function_zip
  source_code_hash = filebase64sha256(var.function_zip)
  role             = aws_iam_role.function[each.key].arn
  tags             = local.tags

  # A whole processor, and as long as a function may take, to merge files.
  memory_size = each.key == "compact" ? 1769 : var.function_megabytes
  timeout     = each.key == "compact" ? 900 : 120

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function[each.key].name
  }

  dynamic "environment" {
    for_each = length(each.value) == 0 ? [] : [each.value]

    content {
      variables = environment.value
    }
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  for_each                           = local.sources
  event_source_arn                   = each.value
  function_name                      = aws_lambda_function.this["stream"].arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 10000
  maximum_batching_window_in_seconds = var.window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  # A batch that fails is halved until the record is found that it fails by. After fifty tries or a day, half of what
  # the stream keeps, the records go to the bucket, payload and all, and the shard goes on.
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 50
  maximum_record_age_in_seconds  = 86400

  destination_config {
    on_failure {
      destination_arn = aws_s3_bucket.raw.arn
    }
  }

  metrics_config {
    metrics = ["EventCount"]
  }

  depends_on = [aws_iam_role_policy.function]
}

resource "aws_cloudwatch_log_metric_filter" "rejected" {
  for_each       = { for name, settings in local.functions : name => settings if contains(["stream", "transform"], name) }
  name           = "rejected"
  log_group_name = aws_cloudwatch_log_group.function[each.key].name
  pattern        = "{ $.rejected > 0 }"

  metric_transformation {
    namespace = "Forebay"
    name      = "${var.name}-rejected"
    value     = "$.rejected"
    unit      = "Count"
  }
}

resource "aws_cloudwatch_event_rule" "compact" {
  count               = local.is_stream ? 1 : 0
  name                = "${var.name}-compact"
  description         = "Merges the small files of the lake."
  schedule_expression = var.compact_rate
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "compact" {
  count = local.is_stream ? 1 : 0
  rule  = aws_cloudwatch_event_rule.compact[0].name
  arn   = aws_lambda_function.this["compact"].arn
}

resource "aws_lambda_permission" "compact" {
  count          = local.is_stream ? 1 : 0
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this["compact"].function_name
  principal      = "events.amazonaws.com"
  source_arn     = aws_cloudwatch_event_rule.compact[0].arn
  source_account = local.account
}
