variable "name" {
  description = "What the names of all resources begin with, such as the application's."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "The name has to be 2 to 31 small letters, digits and \"-\", and begin with a letter."
  }
}

variable "environment" {
  description = "What the tag Environment says, such as dev or prd."
  type        = string
  default     = "dev"
}

variable "delivery" {
  description = "lambda writes Parquet files; firehose-iceberg has Firehose write Iceberg tables, firehose-parquet Parquet files; pipe is lambda, and an EventBridge pipe that puts the events on a bus beside it."
  type        = string
  default     = "lambda"

  validation {
    condition     = contains(["lambda", "firehose-iceberg", "firehose-parquet", "pipe"], var.delivery)
    error_message = "The delivery has to be lambda, firehose-iceberg, firehose-parquet or pipe."
  }
}

variable "database" {
  description = "The database in Glue."
  type        = string
  default     = "forebay"
}

variable "function_zip" {
  description = "The zip of the functions, as `cargo xtask lambda` makes it."
  type        = string
}

variable "architecture" {
  description = "The processor that the zip was built for: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "retention_hours" {
  description = "How long the stream keeps records."
  type        = number
  default     = 48
}

variable "window_seconds" {
  description = "How long records are gathered before they become files, up to 300."
  type        = number
  default     = 60
}

variable "compact_rate" {
  description = "How often small files are merged."
  type        = string
  default     = "rate(1 hour)"
}

variable "function_megabytes" {
  description = "Memory of the functions."
  type        = number
  default     = 512
}

variable "raw_days" {
  description = "How long raw backups and failed batches are kept."
  type        = number
  default     = 30
}

variable "scan_limit_bytes" {
  description = "How many bytes a query in the work group may scan."
  type        = number
  default     = 10737418240
}

variable "iterator_age_millis" {
  description = "How far behind the stream raises an alarm."
  type        = number
  default     = 900000
}

variable "alarm_topic_arn" {
  description = "An SNS topic that hears of alarms."
  type        = string
  default     = null
}

variable "pipe_filter" {
  description = "Which records the pipe takes, as an event pattern over the record."
  type        = string
  default     = "{\"data\":{\"event_type\":[{\"exists\":true}]}}"
}

variable "application_id" {
  description = "The application whose events the roles of an identity pool may send; no identity pool where it is null. The worker has one of its own."
  type        = string
  default     = null
}

variable "user_pool" {
  description = "A user pool for signed-in users: provider as cognito-idp.REGION.amazonaws.com/ID, and its client."
  type        = object({ provider_name = string, client_id = string })
  default     = null
}
