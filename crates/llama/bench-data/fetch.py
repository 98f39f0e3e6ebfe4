def load_profile(client, user_id):
    response = client.get(f"/users/{user_id}")
    data = response.json()
    profile = Profile(
        name=data["name"],
        email=data["email"],
        joined=parse_date(data["joined"]),
    )
    profile.avatar = client.get(data["avatar_url"]).content
    return profile
