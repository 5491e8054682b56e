# --- pipe: events on a bus, too ----------------------------------------------

resource "aws_cloudwatch_event_bus" "this" {
  count = local.is_pipe ? 1 : 0
  name  = var.name
  tags  = local.tags
}

resource "aws_sqs_queue" "dead_letters" {
  count                     = local.is_pipe ? 1 : 0
  name                      = "${var.name}-dead-letters"
  kms_master_key_id         = aws_kms_key.this.id
  message_retention_seconds = 1209600
  tags                      = local.tags
}

# An event that could not be a row is on the bus as one of the type _rejected: here nothing is lost that no other rule
# takes.
resource "aws_cloudwatch_event_rule" "rejected" {
  count          = local.is_pipe ? 1 : 0
  name           = "${var.name}-rejected"
  event_bus_name = aws_cloudwatch_event_bus.this[0].name
  event_pattern  = jsonencode({ source = ["forebay"], "detail-type" = ["_rejected"] })
  tags           = local.tags
}

resource "aws_cloudwatch_event_target" "rejected" {
  count          = local.is_pipe ? 1 : 0
  rule           = aws_cloudwatch_event_rule.rejected[0].name
  event_bus_name = aws_cloudwatch_event_bus.this[0].name
  arn            = aws_sqs_queue.dead_letters[0].arn
}

resource "aws_sqs_queue_policy" "dead_letters" {
  count     = local.is_pipe ? 1 : 0
  queue_url = aws_sqs_queue.dead_letters[0].id
  policy    = data.aws_iam_policy_document.dead_letters[0].json
}

data "aws_iam_policy_document" "dead_letters" {
  count = local.is_pipe ? 1 : 0

  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters[0].arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.rejected[0].arn]
    }
  }
}

data "aws_iam_policy_document" "pipes" {
  count = local.is_pipe ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["pipes.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "pipe" {
  count              = local.is_pipe ? 1 : 0
  name               = "${var.name}-pipe"
  assume_role_policy = data.aws_iam_policy_document.pipes[0].json
  tags               = local.tags
}

data "aws_iam_policy_document" "pipe" {
  count = local.is_pipe ? 1 : 0

  statement {
    actions   = local.read_stream
    resources = [aws_kinesis_stream.this.arn]
  }

  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }

  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.this["enrichment"].arn]
  }

  statement {
    actions   = ["events:PutEvents"]
    resources = [aws_cloudwatch_event_bus.this[0].arn]
  }

  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters[0].arn]
  }
}

resource "aws_iam_role_policy" "pipe" {
  count  = local.is_pipe ? 1 : 0
  name   = "pipe"
  role   = aws_iam_role.pipe[0].id
  policy = data.aws_iam_policy_document.pipe[0].json
}

resource "aws_pipes_pipe" "this" {
  count      = local.is_pipe ? 1 : 0
  name       = var.name
  role_arn   = aws_iam_role.pipe[0].arn
  source     = aws_kinesis_stream.this.arn
  enrichment = aws_lambda_function.this["enrichment"].arn
  target     = aws_cloudwatch_event_bus.this[0].arn
  tags       = local.tags
  depends_on = [aws_iam_role_policy.pipe]

  source_parameters {
    filter_criteria {
      filter {
        pattern = var.pipe_filter
      }
    }

    kinesis_stream_parameters {
      starting_position                  = "TRIM_HORIZON"
      batch_size                         = 100
      maximum_batching_window_in_seconds = 1
      on_partial_batch_item_failure      = "AUTOMATIC_BISECT"
      maximum_retry_attempts             = 50
      maximum_record_age_in_seconds      = 86400

      dead_letter_config {
        arn = aws_sqs_queue.dead_letters[0].arn
      }
    }
  }

  target_parameters {
    eventbridge_event_bus_parameters {
      source      = "forebay"
      detail_type = "$.event_type"
    }
  }
}
