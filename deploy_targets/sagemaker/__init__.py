"""The target ``sagemaker``: models as endpoints and batch jobs of Amazon SageMaker.

    options     what ``-C`` takes, and what fits together
    shapes      request bodies against botocore's own service model, before anything is sent
    aws         session, clients, and AWS's errors in our words
    role        the role that SageMaker takes on
    naming      names and tags, derived from what a thing consists of
    wanted      from options to the bodies of all requests; pure
    variants    one variant more, or another share of the traffic
    state       what is there
    image       the image into ECR
    model_data  the model into S3
    many        the models of a multi-model endpoint
    parts       models and endpoint configurations: made once, removed when nothing needs them
    apply       create, update, roll back
    watch       waiting, with what the cloud says
    explain     why it failed, and what to try
    scaling     the autoscaling policy
    transform   batch jobs
    invoke      predictions
    logs        CloudWatch
    prepare     from a request to what is wanted and what is there
    actions     the methods of a `DeployTarget`
    target      the `DeployTarget`: its face

A deployment is the endpoint of its name. Its models and endpoint configurations are never
changed: each is named after a digest of what it consists of, so a second run finds what the
first one made.
"""
