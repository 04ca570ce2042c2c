"""What a study's stages say to people: what was asked, the decision in a sentence, how sure it is, what comes next."""
