"""Any columns of any file within bounds: quantizers, learned and simple codings, and the file of columns."""
