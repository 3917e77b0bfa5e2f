"""Hands as photographs show them, and a first estimate from joints: experiments, not part of the package.

    cd scripts/experiments && python -m wild.render train 24000 runs/wild/train-192    layered pairs,
    resumable

``forearm`` bends wrists and puts on sleeves, ``people`` says how hands are held and from where they are seen,
``layers`` draws and stores a pair without what is around it, ``compose`` makes pictures of it, anew at each
step. ``convert_hand_encoder`` takes the encoder of MediaPipe's hand landmark network out of its wheel,
``hand_backbone`` runs it (its landmarks agree with the wheel's own interpreter to 1e-6 of their size),
``joints_head`` makes the first estimate from heatmaps and location maps, ``joint_losses`` teaches it. Nothing
of it is trained yet.
"""
