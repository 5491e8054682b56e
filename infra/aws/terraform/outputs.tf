output "stream_name" {
  description = "The stream of events, for the worker."
  value       = aws_kinesis_stream.this.name
}

output "dead_letter_stream_name" {
  description = "The stream of dead letters, for the worker."
  value       = aws_kinesis_stream.dead_letters.name
}

output "writer_policy_arn" {
  description = "The policy of the credentials that the worker is given."
  value       = aws_iam_policy.writer.arn
}

output "lake" {
  description = "Where the tables are."
  value       = local.location
}

output "raw_bucket" {
  description = "Raw backups, and what could not be delivered."
  value       = aws_s3_bucket.raw.bucket
}

output "database" {
  description = "The database in Glue."
  value       = var.database
}

output "work_group" {
  description = "The work group in Athena."
  value       = aws_athena_workgroup.this.name
}

output "identity_pool_id" {
  description = "The identity pool, where there is one."
  value       = one(aws_cognito_identity_pool.this[*].id)
}

output "bus_name" {
  description = "The bus that has the events, where there is one."
  value       = one(aws_cloudwatch_event_bus.this[*].name)
}

output "lake_bucket" {
  description = "The bucket of the lake."
  value       = aws_s3_bucket.lake.bucket
}

output "result_bucket" {
  description = "The bucket of results of queries."
  value       = aws_s3_bucket.results.bucket
}

output "key_arn" {
  description = "The key that encrypts both."
  value       = aws_kms_key.this.arn
}
