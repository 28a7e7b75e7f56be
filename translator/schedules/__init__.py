"""Define when pipelines start on their own: cron expressions and time zones that both engines understand alike."""
