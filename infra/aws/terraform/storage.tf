# --- buckets -----------------------------------------------------------------

resource "aws_s3_bucket" "lake" {
  # checkov:skip=CKV_AWS_18: Access logs would be larger than the lake; CloudTrail's data events say who read what.
  # checkov:skip=CKV_AWS_144: A copy in another region doubles the cost; the raw backup is the second copy.
  # checkov:skip=CKV2_AWS_62: Nothing asks to hear of new objects: tables find their files by projection.
  bucket_prefix = "${var.name}-lake-"
  tags          = local.tags
}

# Raw backups, batches that could not be written, and what Firehose could not deliver.
resource "aws_s3_bucket" "raw" {
  # checkov:skip=CKV_AWS_18: As for the lake.
  # checkov:skip=CKV_AWS_21: Objects are written once and expire; versions would keep them longer than promised.
  # checkov:skip=CKV_AWS_144: As for the lake.
  # checkov:skip=CKV2_AWS_62: As for the lake.
  bucket_prefix = "${var.name}-raw-"
  tags          = local.tags
}

resource "aws_s3_bucket" "results" {
  # checkov:skip=CKV_AWS_18: As for the lake.
  # checkov:skip=CKV_AWS_21: Results of queries can be had again.
  # checkov:skip=CKV_AWS_144: As for the lake.
  # checkov:skip=CKV2_AWS_62: As for the lake.
  bucket_prefix = "${var.name}-results-"
  force_destroy = true
  tags          = local.tags
}

locals {
  buckets = {
    lake    = aws_s3_bucket.lake
    raw     = aws_s3_bucket.raw
    results = aws_s3_bucket.results
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets
  bucket   = each.value.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = local.buckets
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets
  bucket   = each.value.id
  policy   = data.aws_iam_policy_document.bucket[each.key].json
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid       = "Encrypted"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

# What a mistake deletes can be had back for a week; compaction deletes for good after that.
resource "aws_s3_bucket_versioning" "lake" {
  bucket = aws_s3_bucket.lake.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  bucket     = aws_s3_bucket.lake.id
  depends_on = [aws_s3_bucket_versioning.lake]

  rule {
    id     = "replaced"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 7
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "raw" {
  bucket = aws_s3_bucket.raw.id

  rule {
    id     = "old"
    status = "Enabled"
    filter {}

    expiration {
      days = var.raw_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "results" {
  bucket = aws_s3_bucket.results.id

  rule {
    id     = "old"
    status = "Enabled"
    filter {}

    expiration {
      days = 7
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

# --- catalog: the tables are in tables.tf.json, which tables.mjs writes ------

resource "aws_athena_workgroup" "this" {
  name = var.name
  tags = local.tags

  configuration {
    bytes_scanned_cutoff_per_query     = var.scan_limit_bytes
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${aws_s3_bucket.results.bucket}/"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = aws_kms_key.this.arn
      }
    }
  }
}
