//! Tables for Athena: as SQL, and as Glue tables in CloudFormation and Terraform.
