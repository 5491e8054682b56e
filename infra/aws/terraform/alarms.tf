# --- alarms ------------------------------------------------------------------

locals {
  alarms = merge(
    {
      rejected = {
        description = "Records could not become rows."
        namespace   = "Forebay"
        metric      = "${var.name}-rejected"
        dimensions  = {}
        statistic   = "Sum"
        threshold   = 0
      }
      refused = {
        description = "The worker refused events for good."
        namespace   = "AWS/Kinesis"
        metric      = "IncomingRecords"
        dimensions  = { StreamName = aws_kinesis_stream.dead_letters.name }
        statistic   = "Sum"
        threshold   = 0
      }
    },
    { for name, settings in local.functions : "${name}-errors" => {
      description = "The function ends with errors."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = "${var.name}-${name}" }
      statistic   = "Sum"
      threshold   = 0
    } },
    local.is_stream ? {
      behind = {
        description = "Records wait in the stream; those older than its retention are lost."
        namespace   = "AWS/Lambda"
        metric      = "IteratorAge"
        dimensions  = { FunctionName = "${var.name}-stream" }
        statistic   = "Maximum"
        threshold   = var.iterator_age_millis
      }
    } : {},
    { for name, arn in local.sources : "${name}-failed" => {
      description = "Batches were given up; their records are in the raw bucket."
      namespace   = "AWS/Lambda"
      metric      = "OnFailureDestinationDeliveredEventCount"
      dimensions  = { EventSourceMappingUUID = aws_lambda_event_source_mapping.stream[name].uuid }
      statistic   = "Sum"
      threshold   = 0
    } },
    local.is_firehose ? {
      behind = {
        description = "Records wait in the stream; those older than its retention are lost."
        namespace   = "AWS/Firehose"
        metric      = "KinesisMillisBehindLatest"
        dimensions  = { DeliveryStreamName = "${var.name}-lake" }
        statistic   = "Maximum"
        threshold   = var.iterator_age_millis
      }
    } : {},
    local.is_pipe ? {
      dead-letters = {
        description = "Records or events of the pipe could not be delivered."
        namespace   = "AWS/SQS"
        metric      = "ApproximateNumberOfMessagesVisible"
        dimensions  = { QueueName = "${var.name}-dead-letters" }
        statistic   = "Maximum"
        threshold   = 0
      }
    } : {},
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.statistic == "Maximum" ? 60 : 300
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  tags                = local.tags
}
