"""Who may see the desk, who may act at it, and its name."""

VIEW, ACT = "calllogs.view_missedcaller", "calllogs.change_missedcaller"
DESK = "calllogs_missed"
