"""Alarms: what is the matter, said once, and unsaid when it is over.

judges   looks at one thing each: a sentence if it is the matter
silence  the judge of “no calls come”, which has learned what is usual
ring     opens, closes and mails alarms; what people do with them
"""
