"""What happens on the phone: AMI bytes become facts about calls. Imports nothing of ours."""
