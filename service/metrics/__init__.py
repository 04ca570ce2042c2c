"""What Prometheus is told: counters of this process (`instruments`), and what the database holds (`database`)."""
