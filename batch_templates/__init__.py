"""Master batch records and release specifications that come with the product; data, read by mes.masters."""
