"""OPC UA for drivers: security, the wire's values, and a subscription that loses no sample."""
